#pragma once

#include "kernels/conv/gemm/problems.cuh"
#include "kernels/conv/wgmma/descriptor.h"
#include "kernels/conv/wgmma/pipeline.cuh"
#include "kernels/cuda/wgmma.cuh"

// gemm_block with wgmma: one warpgroup copies tiles, two multiply them (README.md here). nvcc only.

namespace sg {

template <int tile_n_, Contiguous contiguous_b>
struct WgmmaConfig {
    using T = bf16;
    static constexpr int tile_m = 128, tile_n = tile_n_, tile_k = 64, stages = 4, V = 8;
    static constexpr int copy_threads = 128, threads = 256;  ///< `threads` multiply and store
    /// Per thread, after the start with what 384 threads can have: 168.
    static constexpr int copy_registers = 104, registers = 200;
    static_assert(copy_registers + 2 * registers <= 3 * 168);
    using LayoutA = TileLayout<T, tile_m, tile_k, Contiguous::depth>;
    using LayoutB = TileLayout<T, tile_n, tile_k, contiguous_b>;
    using OperandA = WgmmaOperand<LayoutA>;
    using OperandB = WgmmaOperand<LayoutB>;

    static constexpr int alignment = 1024;  ///< of operand tiles, for the swizzle
    static constexpr int stage_bytes = OperandA::tile_bytes + OperandB::tile_bytes;
    static_assert(OperandA::tile_bytes % alignment == 0 && stage_bytes % alignment == 0);
    static constexpr int pitch = tile_n + 8;  ///< as in GemmConfig
    static_assert(tile_m * pitch * int(sizeof(float)) <= stages * stage_bytes);
    static constexpr size_t shared_bytes = alignment + stages * stage_bytes + 2 * stages * 8;
};

/// The block's dynamic shared memory: the slots, then the barriers.
template <class C>
struct WgmmaShared {
    char* tiles;
    unsigned address;  ///< of tiles

    __device__ WgmmaShared() : tiles(dynamic_shared<char>()) {
        tiles += -shared_address(tiles) % C::alignment;  // up to the next multiple
        address = shared_address(tiles);
    }
    __device__ bf16* a(int slot) const {
        return reinterpret_cast<bf16*>(tiles + slot * C::stage_bytes);
    }
    __device__ bf16* b(int slot) const { return a(slot) + C::LayoutA::elements; }
    __device__ unsigned full(int slot) const {
        return address + unsigned(C::stages * C::stage_bytes + slot * 8);
    }
    __device__ unsigned free(int slot) const { return full(C::stages + slot); }

    __device__ void init_barriers() const {
        for (int slot = 0; slot < C::stages; ++slot) {
            mbarrier_init(full(slot), C::copy_threads);
            mbarrier_init(free(slot), C::threads / 32);  // one lane of each warp
        }
    }
};

template <class C, class CopyA, class CopyB>
struct WgmmaProducer {
    const WgmmaShared<C>& shared;
    const CopyA& a;
    const CopyB& b;

    __device__ void wait_free(int slot, unsigned parity) const {
        mbarrier_wait(shared.free(slot), parity);
    }
    __device__ void copy(int slot, int tile) const {
        a.copy(shared.a(slot), tile * C::tile_k);
        b.copy(shared.b(slot), tile * C::tile_k);
    }
    __device__ void commit() const { copy_async_commit(); }
    __device__ void wait_copies() const { copy_async_wait<TileRing<C::stages>::ahead>(); }
    __device__ void publish(int slot) const {
        fence_async_proxy();
        mbarrier_arrive(shared.full(slot));
    }
};

/// A warpgroup with 64 rows of the tile.
template <class C>
struct WgmmaConsumer {
    const WgmmaShared<C>& shared;
    uint64_t a, b;  ///< descriptors of slot 0
    float sums[C::tile_n / 2] = {};

    __device__ WgmmaConsumer(const WgmmaShared<C>& shared, int first_row)
        : shared(shared),
          a(C::OperandA::descriptor(shared.address, first_row)),
          b(C::OperandB::descriptor(shared.address + C::OperandA::tile_bytes, 0)) {}

    __device__ void wait_full(int slot, unsigned parity) const {
        mbarrier_wait(shared.full(slot), parity);
    }
    __device__ void multiply(int slot) {
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < C::tile_k / 16; ++k)
            wgmma_m64k16<C::tile_n, !C::LayoutB::by_depth>(
                sums, wgmma_moved(a, slot * C::stage_bytes + k * C::OperandA::step_bytes),
                wgmma_moved(b, slot * C::stage_bytes + k * C::OperandB::step_bytes));
        wgmma_commit();
    }
    template <int tiles>
    __device__ void wait_products() const {
        wgmma_wait<tiles>();
    }
    __device__ void release(int slot) const {
        if (threadIdx.x % 32 == 0) mbarrier_arrive(shared.free(slot));
    }
    /// Puts the sums into rows [first_row, +64) of a matrix with C::pitch columns.
    __device__ void put(float* out, int first_row) {
        wgmma_keep(sums);
        const int lane = int(threadIdx.x) % 32;
        const int row = first_row + int(threadIdx.x) % 128 / 32 * 16 + lane / 4;
#pragma unroll
        for (int i = 0; i < C::tile_n / 4; ++i)  // pairs of sums
            store(out + ((row + i % 2 * 8) * C::pitch + i / 2 * 8 + lane % 4 * 2),
                  Vec<float, 2>{{sums[2 * i], sums[2 * i + 1]}});
    }
};

}  // namespace sg
