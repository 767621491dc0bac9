#pragma once

#include "kernels/conv/gemm/problems.cuh"
#include "kernels/conv/wgmma/config.cuh"
#include "kernels/conv/wgmma/copies.cuh"
#include "kernels/conv/wgmma/pipeline.cuh"
#include "kernels/cuda/mbarrier.cuh"
#include "kernels/cuda/wgmma.cuh"

// gemm_block with wgmma: one warpgroup copies tiles, two multiply them (README.md here). nvcc only.

namespace sg {

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
    /// Puts the sums into a matrix [tile_m][pitch]. `thread`: of the consumers'.
    __device__ void put(float* out, int thread) {
        wgmma_keep(sums);
#pragma unroll
        for (int i = 0; i < C::tile_n / 2; i += 2)
            store(out + (C::sum_row(thread, i) * C::pitch + C::sum_column(thread, i)),
                  Vec<float, 2>{{sums[i], sums[i + 1]}});
    }
};

}  // namespace sg
