#pragma once

#include <algorithm>

#include "kernels/conv/epilogue.cuh"
#include "kernels/conv/gemm/gather.cuh"
#include "kernels/conv/gemm/matrix.cuh"

// The matrix product that all three passes of convolution are: a block computes a tile of the
// result from a range of tiles of depth, which arrive by asynchronous copies a few tiles ahead.

namespace sg {

/// One version of the product. V: elements per copy, 16 bytes' worth or 1. `blocks`: per processor,
/// which bounds the registers of a thread.
template <class Math_, int stages_, int V_, int blocks_, Contiguous contiguous_a,
          Contiguous contiguous_b>
struct GemmConfig {
    using Math = Math_;
    using T = typename Math::Type;
    static constexpr int tile_m = Math::tile_m, tile_n = Math::tile_n, tile_k = Math::tile_k;
    static constexpr int threads = Math::threads, stages = stages_, V = V_, blocks = blocks_;
    using LayoutA = TileLayout<T, tile_m, tile_k, contiguous_a>;
    using LayoutB = TileLayout<T, tile_n, tile_k, contiguous_b>;

    static constexpr size_t stage_bytes = (LayoutA::elements + LayoutB::elements) * sizeof(T);
    /// The sums wait for their epilogue in rows of this many floats, where the tiles were.
    static constexpr int pitch = Math::template pitch<LayoutB>;
    static constexpr size_t sums_bytes = sizeof(float) * tile_m * pitch;
    static constexpr size_t shared_bytes = std::max(stages * stage_bytes, sums_bytes);
};

/// What the blocks of a launch share: blockIdx.x counts tiles of the result, the ones along n
/// first, so that neighbours read the same rows of A; blockIdx.y counts shares of the depth.
template <class T>
struct GemmGrid {
    Divider tiles_n;
    int share;               ///< tiles of depth per block
    ConvResult<T> result;    ///< with one share
    Global<float> partials;  ///< otherwise: [shares][result_size]
    int64_t result_size;
    bool vectors;  ///< the result may be stored by four channels
};

/// Sums of the tiles [first, last) of depth. `a` and `b` copy operand tiles.
template <class C, class CopyA, class CopyB>
__device__ void gemm_sums(typename C::Math& math, const CopyA& a, const CopyB& b, int first,
                          int last) {
    using T = typename C::T;
    const auto tile_a = [](int i) {
        return dynamic_shared<T>(size_t(i % C::stages) * C::stage_bytes);
    };
    const auto tile_b = [](int i) {
        return dynamic_shared<T>(size_t(i % C::stages) * C::stage_bytes +
                                 C::LayoutA::elements * sizeof(T));
    };
    const auto start = [&](int i) {
        if (first + i < last) {
            a.copy(tile_a(i), (first + i) * C::tile_k);
            b.copy(tile_b(i), (first + i) * C::tile_k);
        }
        copy_async_commit();  // also if empty: the waits below count groups
    };
    for (int i = 0; i < C::stages - 1; ++i) start(i);
    for (int i = 0; first + i < last; ++i) {
        copy_async_wait<C::stages - 2>();  // tile i has arrived, for this thread's copies,
        __syncthreads();                   // and for all; and nobody still reads tile i - 1,
        start(i + C::stages - 1);          // whose place the next copy takes
        math.template multiply<typename C::LayoutA, typename C::LayoutB>(tile_a(i), tile_b(i));
    }
    copy_async_wait<0>();
    __syncthreads();  // the tiles' memory is free
}

/// Stores the sums, row by row in whole vectors, by C::threads threads of which this is number
/// `thread`. element_of(row of the tile) is the index of that row's first channel in the result,
/// negative for a row beyond it.
template <class C, int V, class ElementOf>
__device__ void gemm_store(const ConvResult<typename C::T>& result, Shared<const float> sums,
                           int first_channel, int channels, const ElementOf& element_of,
                           int thread) {
    constexpr int per_row = C::tile_n / V;
    for (int i = thread; i < C::tile_m * per_row; i += C::threads) {
        const int row = i / per_row, column = i % per_row * V;
        const int channel = first_channel + column, element = element_of(row);
        if (element < 0 || channel >= channels) continue;
        store_result(result, load<V>(sums + (row * C::pitch + column)), channel,
                     int64_t(element) + channel);
    }
}

/// One block's part of a product with `channels` columns and `depth`. copies_a(m), copies_b(n) make
/// the operands' copiers for the tile at (m, n); element_of(m) as above, for a row of the product.
template <class C, class CopiesA, class CopiesB, class ElementOf>
__device__ void gemm_block(const GemmGrid<typename C::T>& grid, int channels, int depth,
                           const CopiesA& copies_a, const CopiesB& copies_b,
                           const ElementOf& element_of) {
    int tile = int(blockIdx.x);
    const int n = grid.tiles_n.split(tile) * C::tile_n, m = tile * C::tile_m;
    if (element_of(m) < 0) return;  // a phase with fewer rows than another
    const int tiles = (depth + C::tile_k - 1) / C::tile_k;
    const int first = int(blockIdx.y) * grid.share;
    const int last = first + grid.share < tiles ? first + grid.share : tiles;
    typename C::Math math;
    gemm_sums<C>(math, copies_a(m), copies_b(n), first, last);
    const auto sums = dynamic_shared<float>();
    math.template put<typename C::LayoutA, typename C::LayoutB>(sums);
    __syncthreads();
    ConvResult<typename C::T> result = grid.result;
    if (gridDim.y > 1)
        result = {nullptr, grid.partials + blockIdx.y * grid.result_size, nullptr, 1, nullptr, 1,
                  nullptr};
    const auto row_element = [&](int row) { return element_of(m + row); };
    if (grid.vectors)
        gemm_store<C, 4>(result, sums, n, channels, row_element, int(threadIdx.x));
    else
        gemm_store<C, 1>(result, sums, n, channels, row_element, int(threadIdx.x));
}

}  // namespace sg
