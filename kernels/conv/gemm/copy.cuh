#pragma once

#include "kernels/conv/gemm/tile.cuh"

// How a block copies a tile from global to shared memory, whatever the operand.

namespace sg {

/// How the threads of a block share out the copies of a tile: each has one column of it (V elements
/// wide) and every `row_step`-th row.
template <class Layout, int threads, int V>
struct Share {
    static constexpr int per_row = Layout::columns / V;
    static constexpr int row_step = threads / per_row;
    static constexpr int count = Layout::rows / row_step;
    static constexpr int unroll = count <= 8 ? count : 4;
    static_assert(threads % per_row == 0 && Layout::rows % row_step == 0);

    __device__ static int column() { return int(threadIdx.x) % per_row * V; }
    __device__ static int row(int i) { return int(threadIdx.x) / per_row + i * row_step; }
};

/// Copies V elements from source + offset() into a tile, or zeros if not `valid` (offset() may then
/// be anything). Two-byte elements cannot be copied asynchronously.
template <class Layout, int V, class T, class Offset>
__device__ inline void put(Shared<T> tile, int row, int column, Global<const T> source, bool valid,
                           const Offset& offset) {
    const Shared<T> to = tile + Layout::at(row, column);
    if constexpr (V * sizeof(T) >= 4)
        copy_async<int(V * sizeof(T))>(to, source + (valid ? offset() : 0), valid);
    else
        to[0] = valid ? source[offset()] : T(0.0f);
}

}  // namespace sg
