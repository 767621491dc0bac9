#pragma once

#include "kernels/conv/gemm/tile.cuh"
#include "kernels/conv/wgmma/descriptor.h"

namespace sg {

/// One version of the product: a block computes 128 x tile_n of the result (README.md here).
template <int tile_n_, Contiguous contiguous_b>
struct WgmmaConfig {
    using T = bf16;
    static constexpr int tile_m = 128, tile_n = tile_n_, tile_k = 64, stages = 4;
    static constexpr int copy_threads = 128, threads = 256;  ///< `threads` multiply and store
    /// Per thread. All start with 168, the most that 384 threads can have.
    static constexpr int copy_registers = 104, registers = 200;
    static_assert(copy_registers + 2 * registers <= 3 * 168);
    using LayoutA = TileLayout<T, tile_m, tile_k, Contiguous::depth>;
    using LayoutB = TileLayout<T, tile_n, tile_k, contiguous_b>;
    using OperandA = WgmmaOperand<LayoutA>;
    using OperandB = WgmmaOperand<LayoutB>;

    static constexpr int alignment = 1024;  ///< of operand tiles, for the swizzle
    static constexpr int stage_bytes = OperandA::tile_bytes + OperandB::tile_bytes;
    static_assert(OperandA::tile_bytes % alignment == 0 && stage_bytes % alignment == 0);
    static constexpr int pitch = tile_n + 8;  ///< as in TensorMath
    static_assert(tile_m * pitch * int(sizeof(float)) <= stages * stage_bytes);
    static constexpr size_t shared_bytes = alignment + stages * stage_bytes + 2 * stages * 8;

    /// Where a multiplying thread (of `threads`) has its i-th sum (wgmma_m64k16).
    SG_HOST_DEVICE static constexpr int sum_row(int thread, int i) {
        return thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
    }
    SG_HOST_DEVICE static constexpr int sum_column(int thread, int i) {
        return i / 4 * 8 + thread % 4 * 2 + i % 2;
    }
};

}  // namespace sg
