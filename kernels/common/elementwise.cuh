#pragma once

// What kernels that treat every element alike share: a grid of threads that strides over the
// elements, N at a time where the pointers allow.

#include <algorithm>
#include <cstdint>

#include "kernels/common/device.cuh"

namespace sg {

inline constexpr unsigned elementwise_threads = 256;

/// This thread's number in the grid, and how many there are. One-dimensional grids.
__device__ inline int64_t grid_thread() {
    return int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t grid_threads() {
    return int64_t(gridDim.x) * blockDim.x;
}

/// A launch for `items` independent pieces of work. Eight blocks of 256 threads fill a processor;
/// more only queue up, so the threads take several pieces each.
inline Launch elementwise_launch(const DeviceProperties& device, const char* kernel,
                                 int64_t items) {
    const int64_t wanted = (items + elementwise_threads - 1) / elementwise_threads;
    const int64_t most = int64_t{8} * device.processors;
    return {.kernel = kernel,
            .grid = unsigned(std::clamp<int64_t>(wanted, 1, most)),
            .block = elementwise_threads};
}

/// Whether accesses of `bytes` may start at every one of the pointers.
template <class... T>
bool aligned_to(size_t bytes, const T*... pointers) {
    return ((reinterpret_cast<uintptr_t>(pointers) % bytes == 0) && ...);
}

}  // namespace sg
