#pragma once

#include "kernels/sim/atomics.h"
#include "kernels/sim/intrinsics.h"
#include "kernels/sim/memory.h"
#include "kernels/sim/warp.h"

// CUDA C++ for the host's compiler: the part of the language that the project's kernels use. Names
// and meanings are those of NVIDIA's CUDA C++ Programming Guide; docs/sim.md lists differences.

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
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
