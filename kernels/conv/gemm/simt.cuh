#pragma once

#include "kernels/conv/gemm/tile.cuh"

namespace sg {

/// f32 products by ordinary multiply-adds. TY x TX threads, each with BM/TY x BN/TX sums in
/// registers: four steps of depth read (BM/TY + BN/TX) 16-byte vectors from shared memory and do
/// 4 (BM/TY)(BN/TX) multiply-adds with them.
template <int BM, int BN, int BK, int TY, int TX>
struct SimtMath {
    using Type = float;
    static constexpr int threads = TY * TX, TM = BM / TY, TN = BN / TX;
    static_assert(TM % 4 == 0 && TN % 4 == 0 && BK % 4 == 0);
    static constexpr int tile_m = BM, tile_n = BN, tile_k = BK;

    template <class LayoutA, class LayoutB>
    __device__ void multiply(Shared<const float> a, Shared<const float> b) {
        const int ty = int(threadIdx.x) / TX, tx = int(threadIdx.x) % TX;
#pragma unroll 2
        for (int k = 0; k < BK; k += 4) {
            float fa[4][TM], fb[4][TN];
            fragment<LayoutA, TY>(fa, a, ty, k);
            fragment<LayoutB, TX>(fb, b, tx, k);
#pragma unroll
            for (int q = 0; q < 4; ++q)
#pragma unroll
                for (int i = 0; i < TM; ++i)
#pragma unroll
                    for (int j = 0; j < TN; ++j) sums[i][j] += fa[q][i] * fb[q][j];
        }
    }

    /// Floats in a row of the matrix into which `put` puts the sums. A warp writes 32 / TX rows at
    /// once, TX neighbours of each (by 16 bytes: half the banks of a row): with this remainder by
    /// the 32 banks, they lie side by side.
    template <class LayoutB>
    static constexpr int pitch = BN + ((LayoutB::by_depth ? TX : 16) + 32 - BN % 32) % 32;
    template <class LayoutA, class LayoutB>
    __device__ void put(Shared<float> out) const {
        const int ty = int(threadIdx.x) / TX, tx = int(threadIdx.x) % TX;
#pragma unroll
        for (int i = 0; i < TM; ++i) {
            const Shared<float> row = out + index<LayoutA, TY>(ty, i) * pitch<LayoutB>;
            if constexpr (LayoutB::by_depth) {
#pragma unroll
                for (int j = 0; j < TN; ++j) row[index<LayoutB, TX>(tx, j)] = sums[i][j];
            } else {
#pragma unroll
                for (int j = 0; j < TN; j += 4)
                    store(row + index<LayoutB, TX>(tx, j),
                          Vec<float, 4>{
                              {sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]}});
            }
        }
    }

    float sums[TM][TN] = {};

  private:
    /// Which row (column) of the product is the i-th of thread t of `count`: neighbours in shared
    /// memory go to neighbouring threads, single rows or groups of four.
    template <class Layout, int count>
    __device__ static int index(int t, int i) {
        if constexpr (Layout::by_depth) return t + i * count;
        return t * 4 + i % 4 + i / 4 * 4 * count;
    }

    template <class Layout, int count, int n>
    __device__ static void fragment(float (&f)[4][n], Shared<const float> tile, int t, int k) {
        if constexpr (Layout::by_depth) {
#pragma unroll
            for (int i = 0; i < n; ++i) {
                const auto v = load<4>(tile + Layout::at(index<Layout, count>(t, i), k));
                for (int q = 0; q < 4; ++q) f[q][i] = v[q];
            }
        } else {
#pragma unroll
            for (int q = 0; q < 4; ++q)
#pragma unroll
                for (int i = 0; i < n; i += 4) {
                    const auto v = load<4>(tile + Layout::at(k + q, index<Layout, count>(t, i)));
                    for (int e = 0; e < 4; ++e) f[q][i + e] = v[e];
                }
        }
    }
};

}  // namespace sg
