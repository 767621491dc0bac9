#pragma once

#include "kernels/common/device.cuh"

// Who waits for whom when one warpgroup copies tiles of depth and others multiply them. Written
// for any kind of barrier and copy, so that a test can run it with threads of the host.
//
// Tile i lives in slot i % stages. Two mbarriers per slot: `full` ends a phase when a tile has
// arrived, `free` when everybody has read it.

namespace sg {

template <int stages>
struct TileRing {
    static_assert(stages >= 3);
    /// Tiles whose copies are under way while the producer waits for an older one. One slot is
    /// missing because the consumers still read tile i - 1 when they begin with tile i: a producer
    /// that demanded its slot before it published tile i would wait for ever.
    static constexpr int ahead = stages - 2;

    __device__ static int slot(int tile) { return tile % stages; }
    /// Of the phase of `full` that ends with the tile's arrival.
    __device__ static unsigned full_parity(int tile) { return unsigned(tile / stages) & 1; }
    /// Of the phase of `free` that ends when the slot's last tile has been read; 1 for the first,
    /// which an mbarrier takes for ended.
    __device__ static unsigned free_parity(int tile) { return full_parity(tile) ^ 1; }
};

/// One thread of the producer. `side` has
///   wait_free(slot, parity)     copy(slot, tile)     commit()
///   wait_copies()               until at most `ahead` commits are unfinished
///   publish(slot)               makes the slot's copies visible and arrives at `full`
template <int stages, class Side>
__device__ void produce_tiles(const Side& side, int tiles) {
    using Ring = TileRing<stages>;
    for (int i = 0; i < tiles + Ring::ahead; ++i) {
        if (i < tiles) {
            side.wait_free(Ring::slot(i), Ring::free_parity(i));
            side.copy(Ring::slot(i), i);
        }
        side.commit();  // also if empty: wait_copies counts commits
        if (i < Ring::ahead) continue;
        side.wait_copies();
        side.publish(Ring::slot(i - Ring::ahead));
    }
}

/// One thread of a consumer. `side` has
///   wait_full(slot, parity)     multiply(slot)  begins the products with a slot's tile
///   wait_products<n>()          until at most n tiles' products are unfinished
///   release(slot)               arrives at `free`
template <int stages, class Side>
__device__ void consume_tiles(Side& side, int tiles) {
    using Ring = TileRing<stages>;
    for (int i = 0; i < tiles; ++i) {
        side.wait_full(Ring::slot(i), Ring::full_parity(i));
        side.multiply(Ring::slot(i));
        side.template wait_products<1>();  // tile i - 1 is done, tile i keeps the tensor cores busy
        if (i > 0) side.release(Ring::slot(i - 1));
    }
    side.template wait_products<0>();
}

}  // namespace sg
