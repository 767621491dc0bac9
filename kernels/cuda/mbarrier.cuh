#pragma once

// Barriers for parts of a block on Hopper (PTX ISA, "mbarrier" and "bar"). Addresses are those of
// the shared window, 32 bits.

namespace sg {

__device__ inline unsigned shared_address(const void* p) {
    return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

/// A barrier in 8 bytes of shared memory. Its phases end one after the other, each when `arrivals`
/// have arrived. What a thread did before it arrived is seen by those that waited for the phase.
__device__ inline void mbarrier_init(unsigned barrier, unsigned arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals)
                 : "memory");
}
__device__ inline void mbarrier_arrive(unsigned barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/// Waits for the end of the latest phase with this parity. The first phase has parity 0; the one
/// before it, parity 1, counts as ended.
__device__ inline void mbarrier_wait(unsigned barrier, unsigned parity) {
    unsigned ended;
    do {
        asm volatile(
            "{ .reg .pred p;\n"
            "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
            "selp.u32 %0, 1, 0, p; }"
            : "=r"(ended)
            : "r"(barrier), "r"(parity)
            : "memory");
    } while (!ended);
}

/// __syncthreads() for a part of a block: `threads` of them, whole warps. Number 0 is
/// __syncthreads() itself.
template <int number, int threads>
__device__ void barrier_sync() {
    asm volatile("bar.sync %0, %1;" ::"n"(number), "n"(threads) : "memory");
}

}  // namespace sg
