#pragma once

#include <cstdint>

// Hopper's instructions for products of large tiles in shared memory (sm_90a; PTX ISA,
// "Asynchronous Warpgroup Level Matrix Instructions"). A warpgroup is four warps, the first of
// which has a number divisible by 4; all 128 threads execute each of the wgmma_ and warpgroup_
// functions together.

namespace sg {

/// wgmma reads shared memory through the "async proxy". What this thread wrote there by stores or
/// cp.async (and waited for) goes through another one, and is seen only behind this fence.
__device__ inline void fence_async_proxy() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Changes how many registers each thread of the warpgroup has, a multiple of 8 from 24 to 256. The
/// block as a whole may not have more than it started with.
template <int registers>
__device__ void warpgroup_give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ void warpgroup_take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}

/// In front of the first product, and again when other instructions have touched its registers.
__device__ inline void wgmma_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
/// Ends a group of products.
__device__ inline void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until at most `groups` groups are unfinished. Before that their operands must stay as they
/// are, and their sums may not be touched.
template <int groups>
__device__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(groups) : "memory");
}
/// Keeps the compiler from moving accesses to the sums across this place.
template <int count>
__device__ void wgmma_keep(float (&d)[count]) {
#pragma unroll
    for (int i = 0; i < count; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

// Lists of an instruction's operands: "%0, %1, ... %9" (t empty), "%10, ... %19" (t = 1), and the
// variables behind them.
#define SG_TEN(t)                                                                          \
    "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t "4, %" #t "5, %" #t "6, %" #t "7, %" #t \
    "8, %" #t "9, "
#define SG_SUMS4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define SG_SUMS16(i) SG_SUMS4(i), SG_SUMS4(i + 4), SG_SUMS4(i + 8), SG_SUMS4(i + 12)
#define SG_SUMS32(i) SG_SUMS16(i), SG_SUMS16(i + 16)
#define SG_SUMS64(i) SG_SUMS32(i), SG_SUMS32(i + 32)
// Behind the operands: d is added to (predicate true), a and b are not negated, a is K-major.
#define SG_WGMMA(N, sums, a, b, tn)                                                      \
    "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" sums "}, %" #a ", %" #b \
    ", 1, 1, 1, 0, %" #tn ";"

/// d[64][N] += a[64][16] b[16][N], begun: bf16 operands in shared memory (WgmmaOperand), sums in
/// the warpgroup's registers. Thread t's d[4j + 2h + e] is row 16(t/32) + t%32/4 + 8h, column
/// 8j + 2(t%4) + e. side_contiguous: of b, in memory.
template <int N, bool side_contiguous>
__device__ void wgmma_m64k16(float (&d)[N / 2], uint64_t a, uint64_t b) {
    static_assert(N == 64 || N == 128 || N == 256);
    if constexpr (N == 256)
        asm volatile(SG_WGMMA(256,
                              SG_TEN() SG_TEN(1) SG_TEN(2) SG_TEN(3) SG_TEN(4) SG_TEN(5) SG_TEN(6)
                                  SG_TEN(7) SG_TEN(8) SG_TEN(9) SG_TEN(10)
                                      SG_TEN(11) "%120, %121, %122, %123, %124, %125, %126, %127",
                              128, 129, 130)
                     : SG_SUMS64(0), SG_SUMS64(64)
                     : "l"(a), "l"(b), "n"(side_contiguous));
    else if constexpr (N == 128)
        asm volatile(SG_WGMMA(128,
                              SG_TEN() SG_TEN(1) SG_TEN(2) SG_TEN(3) SG_TEN(4)
                                  SG_TEN(5) "%60, %61, %62, %63",
                              64, 65, 66)
                     : SG_SUMS64(0)
                     : "l"(a), "l"(b), "n"(side_contiguous));
    else
        asm volatile(SG_WGMMA(64, SG_TEN() SG_TEN(1) SG_TEN(2) "%30, %31", 32, 33, 34)
                     : SG_SUMS32(0)
                     : "l"(a), "l"(b), "n"(side_contiguous));
}

#undef SG_TEN
#undef SG_SUMS4
#undef SG_SUMS16
#undef SG_SUMS32
#undef SG_SUMS64
#undef SG_WGMMA

}  // namespace sg
