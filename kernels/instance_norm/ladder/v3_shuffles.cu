// Version 3: as version 2, but a warp adds up in registers.
//
//   lane:     0   1   2   3   4   5   6   7
//   xor 4:   0+4 1+5 2+6 3+7 ...                every lane ends with the warp's sum
//   xor 2:   ...                                after five exchanges, without shared memory
//   xor 1:   ...                                and without a barrier
//
// Two barriers per sum instead of ten, 8 floats of shared memory instead of 256. The loads are as
// scattered as before, so on a large image it hardly matters: first things first (version 4).

#include "kernels/instance_norm/ladder/ladder.cuh"

namespace sg {

namespace {

constexpr int threads = 256, warps = threads / 32;

__device__ float warp_sum(float value) {
    for (int other = 16; other > 0; other /= 2) value += __shfl_xor_sync(~0u, value, other);
    return value;
}

/// The sum of all threads' values, known to all of them.
__device__ float block_shuffle_sum(float value) {
    __shared__ SharedArray<float, warps> partial;
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    value = warp_sum(value);
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    float sum = 0;
    for (int w = 0; w < warps; ++w) sum += partial[w];  // the same address for all lanes: broadcast
    __syncthreads();                                    // before the next sum overwrites it
    return sum;
}

template <class T>
__global__ void instance_norm_forward_v3_kernel(LadderArgs<T> a) {
    const auto [N, M, C] = a.s;
    const int64_t plane = blockIdx.x, n = plane / C, c = plane % C, first = n * M * C + c;
    const int t = int(threadIdx.x);

    float own = 0;
    for (int64_t m = t; m < M; m += threads) own += float(a.x[first + m * C]);
    const float mean = block_shuffle_sum(own) / float(M);

    own = 0;
    for (int64_t m = t; m < M; m += threads) {
        const float d = float(a.x[first + m * C]) - mean;
        own += d * d;
    }
    const float rstd = a.rstd_of(block_shuffle_sum(own));

    if (t == 0) {
        a.mean[plane] = mean;
        a.rstd[plane] = rstd;
    }
    const auto channel = a.channel(c, mean, rstd);
    for (int64_t m = t; m < M; m += threads) a.write(first + m * C, channel);
}

}  // namespace

template <class Device, class T>
void launch_v3(Device& device, const LadderArgs<T>& a) {
    const auto blocks = unsigned(a.s.N * a.s.C);
    launch(device, {.kernel = "instance_norm_forward_v3_kernel", .grid = blocks, .block = threads},
           instance_norm_forward_v3_kernel<T>, a);
}

SG_INSTANTIATE_VERSION(launch_v3);

}  // namespace sg
