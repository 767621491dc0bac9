#pragma once

// Sums over the threads of a warp and of a block, always added in the same order: the same bits in
// every run. All threads of the block must call, and a block is a multiple of 32 threads, at most
// 1024. The kernels' first stage sums pieces of a fixed size, its second stage the pieces' sums.

#include "kernels/common/device.cuh"

namespace sg {

inline constexpr unsigned all_lanes = 0xFFFFFFFFu;

/// This thread's number in its block, and how many there are.
__device__ inline int block_thread() {
    return int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
}
__device__ inline int block_threads() {
    return int(blockDim.x * blockDim.y * blockDim.z);
}

/// The sum over the 32 lanes, in every lane. In each step both lanes of a pair add the same two
/// numbers, so all lanes end with the same bits.
__device__ inline float warp_sum(float value) {
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(all_lanes, value, distance);
    return value;
}

__device__ inline float warp_max(float value) {
    for (int distance = 16; distance > 0; distance /= 2)
        value = fmaxf(value, __shfl_xor_sync(all_lanes, value, distance));
    return value;
}

/// The sums of N numbers of each thread over the block, in every thread. May be called repeatedly.
/// Every warp adds the warps' sums for itself, which is cheaper than a barrier.
template <int N>
__device__ Vec<float, N> block_sum(Vec<float, N> value) {
    __shared__ SharedArray<float, 32 * N> of_warp;
    const int lane = block_thread() % 32, warp = block_thread() / 32;
    for (int k = 0; k < N; ++k) value[k] = warp_sum(value[k]);
    __syncthreads();  // the previous call's sums have been read
    if (lane == 0)
        for (int k = 0; k < N; ++k) of_warp[32 * k + warp] = value[k];
    __syncthreads();
    for (int k = 0; k < N; ++k)
        value[k] = warp_sum(lane < block_threads() / 32 ? float(of_warp[32 * k + lane]) : 0.0f);
    return value;
}

__device__ inline float block_sum(float value) {
    return block_sum(Vec<float, 1>{{value}})[0];
}

}  // namespace sg
