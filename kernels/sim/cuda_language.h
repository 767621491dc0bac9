#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/sim/atomics.h"
#include "kernels/sim/memory.h"
#include "kernels/sim/warp.h"

// CUDA C++ for the host's compiler: the part of the language that the project's kernels use. Names
// and meanings are those of NVIDIA's CUDA C++ Programming Guide; docs/sim.md lists differences.

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// One block at a time per thread of the processor; SharedArray holds its own when a cluster's
// blocks take turns.
#define __shared__ static thread_local

#define threadIdx (::sg::sim::current->thread_index)
#define blockIdx (::sg::sim::current->block->index)
#define blockDim (::sg::sim::current->block->cluster->launch->launch.block)
#define gridDim (::sg::sim::current->block->cluster->launch->launch.grid)

namespace sg::sim {

inline constexpr int warpSize = warp_size;

inline void __syncthreads(Where where = Where::current()) {
    block_barrier("__syncthreads", 0, where);
}
inline int __syncthreads_count(int predicate, Where where = Where::current()) {
    block_barrier("__syncthreads_count", predicate, where);
    return current->votes.count;
}
inline int __syncthreads_and(int predicate, Where where = Where::current()) {
    block_barrier("__syncthreads_and", predicate, where);
    return current->votes.all;
}
inline int __syncthreads_or(int predicate, Where where = Where::current()) {
    block_barrier("__syncthreads_or", predicate, where);
    return current->votes.any;
}
inline void __threadfence() {}
inline void __threadfence_block() {}

// Arithmetic. The fast forms are as exact here as the plain ones: the GPU's are not (tolerances in
// tests allow for theirs).
inline float __expf(float x) {
    return std::exp(x);
}
inline float __logf(float x) {
    return std::log(x);
}
inline float __fdividef(float x, float y) {
    return x / y;
}
inline float __frcp_rn(float x) {
    return 1.0f / x;
}
inline float __fsqrt_rn(float x) {
    return std::sqrt(x);
}
inline float __fmaf_rn(float x, float y, float z) {
    return std::fma(x, y, z);
}
inline float rsqrtf(float x) {
    return 1.0f / std::sqrt(x);
}
inline float __saturatef(float x) {
    return x > 0 ? std::min(x, 1.0f) : 0.0f;
}
using ::expf, ::fabsf, ::fmaf, ::fmaxf, ::fminf, ::log1pf, ::logf, ::powf, ::sqrtf, ::tanhf;

template <class T>
T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
    return a < b ? b : a;
}

inline int __popc(unsigned x) {
    return std::popcount(x);
}
inline int __clz(int x) {
    return std::countl_zero(unsigned(x));
}
inline int __ffs(int x) {
    return x ? std::countr_zero(unsigned(x)) + 1 : 0;
}
inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; ++bit) reversed |= (x >> bit & 1u) << (31 - bit);
    return reversed;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return unsigned(uint64_t{a} * b >> 32);
}
inline unsigned __float_as_uint(float x) {
    return std::bit_cast<unsigned>(x);
}
inline float __uint_as_float(unsigned x) {
    return std::bit_cast<float>(x);
}
inline int __float_as_int(float x) {
    return std::bit_cast<int>(x);
}
inline float __int_as_float(int x) {
    return std::bit_cast<float>(x);
}

/// Loads through the read-only cache: an ordinary load here.
template <class T>
[[gnu::always_inline]] inline T __ldg(GlobalPointer<const T> p) {
    return p[0];
}

}  // namespace sg::sim

namespace sg {
using namespace sim;  // NOLINT: kernels are written in namespace sg, as plain CUDA
using uint3 = sim::Index3;
using dim3 = Extent3;
}  // namespace sg
