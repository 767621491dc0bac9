#pragma once

#include "kernels/common/tensor_core.cuh"
#include "kernels/conv/gemm/tile.cuh"

namespace sg {

/// Products on tensor cores: T = bf16 (m16n8k16) or float (rounded to tf32, m16n8k8). WM x WN
/// warps, each with a (BM/WM) x (BN/WN) piece, made of 16 x 8 products whose sums stay in
/// registers.
template <class T, int BM, int BN, int BK, int WM, int WN>
struct TensorMath {
    using Type = T;
    static constexpr int threads = 32 * WM * WN;
    static constexpr int tile_m = BM, tile_n = BN, tile_k = BK;
    static constexpr int k_step = 32 / sizeof(T);  ///< depth of one product: 16 or 8
    static constexpr int MT = BM / WM / 16, NT = BN / WN / 8;
    static_assert(NT % 2 == 0);

    template <class LayoutA, class LayoutB>
    __device__ void multiply(Shared<const T> a, Shared<const T> b) {
        const int warp = int(threadIdx.x) / 32;
        const int m = warp / WN * (BM / WM), n = warp % WN * (BN / WN);
#pragma unroll
        for (int k = 0; k < BK; k += k_step) {
            unsigned fa[MT][4], fb[NT / 2][4];
#pragma unroll
            for (int i = 0; i < MT; ++i) rows_fragment<LayoutA>(fa[i], a, m + 16 * i, k);
#pragma unroll
            for (int j = 0; j < NT / 2; ++j) columns_fragment<LayoutB>(fb[j], b, n + 16 * j, k);
#pragma unroll
            for (int i = 0; i < MT; ++i)
#pragma unroll
                for (int j = 0; j < NT; ++j) {
                    const unsigned(&pair)[4] = fb[j / 2];
                    const unsigned of_j[2] = {pair[j % 2 * 2], pair[j % 2 * 2 + 1]};
                    if constexpr (sizeof(T) == 2)
                        mma_m16n8k16(sums[i][j], fa[i], of_j);
                    else
                        mma_m16n8k8(sums[i][j], fa[i], of_j);
                }
        }
    }

    /// Rows of the matrix into which `put` puts the sums: 8 more floats than the tile has, so that
    /// the eight rows which a warp writes at once begin in four different places of the banks.
    template <class LayoutB>
    static constexpr int pitch = BN + 8;
    template <class LayoutA, class LayoutB>
    __device__ void put(Shared<float> out) const {
        const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
        const int m = warp / WN * (BM / WM) + lane / 4, n = warp % WN * (BN / WN) + lane % 4 * 2;
#pragma unroll
        for (int i = 0; i < MT; ++i)
#pragma unroll
            for (int j = 0; j < NT; ++j)
#pragma unroll
                for (int half = 0; half < 2; ++half)
                    store(out + ((m + 16 * i + 8 * half) * pitch<LayoutB> + n + 8 * j),
                          Vec<float, 2>{{sums[i][j][2 * half], sums[i][j][2 * half + 1]}});
    }

    float sums[MT][NT][4] = {};

  private:
    /// A's registers for rows m .. m+15, depth k .. k+k_step. Lanes 8i .. 8i+7 point at matrix i:
    /// the upper and lower eight rows of the first, then of the second half of the depth.
    template <class Layout>
    __device__ static void rows_fragment(unsigned (&f)[4], Shared<const T> tile, int m, int k) {
        fragment<Layout>(f, tile, m, k, 8, 0);
    }
    /// B's registers for columns n .. n+7 (f[0], f[1]: both halves of the depth) and n+8 .. n+15.
    template <class Layout>
    __device__ static void columns_fragment(unsigned (&f)[4], Shared<const T> tile, int n, int k) {
        fragment<Layout>(f, tile, n, k, 0, 8);
    }

    /// Four matrices of eight sides by half a depth step. Matrix i begins at side + (i % 2)*odd +
    /// (i / 2)*high; the other one of (i % 2, i / 2) chooses the half of the depth.
    template <class Layout>
    __device__ static void fragment(unsigned (&f)[4], Shared<const T> tile, int side, int k,
                                    int odd, int high) {
        constexpr int half = k_step / 2;
        const int lane = int(threadIdx.x) % 32;
        const auto side_of = [&](int i) { return side + i % 2 * odd + i / 2 * high; };
        const auto depth_of = [&](int i) { return k + (odd ? i / 2 : i % 2) * half; };
        if constexpr (Layout::by_depth) {
            const int i = lane / 8;
            load_rows<false>(f, tile + Layout::at(side_of(i) + lane % 8, depth_of(i)));
        } else if constexpr (sizeof(T) == 2) {
            const int i = lane / 8;
            load_rows<true>(f, tile + Layout::at(depth_of(i) + lane % 8, side_of(i)));
        } else {  // ldmatrix transposes 16-bit elements only
#pragma unroll
            for (int i = 0; i < 4; ++i)
                f[i] = to_tf32(tile[Layout::at(depth_of(i) + lane % 4, side_of(i) + lane / 4)]);
        }
    }

    template <bool transposed>
    __device__ static void load_rows(unsigned (&f)[4], Shared<const T> row) {
        if constexpr (sizeof(T) == 2) {
            load_matrices<4, transposed>(f, row);
        } else {  // a row of four f32 is 16 bytes, as one of eight bf16
            load_matrices<4, false>(f, seen_as<const bf16>(row));
#pragma unroll
            for (int i = 0; i < 4; ++i) f[i] = to_tf32(__uint_as_float(f[i]));
        }
    }
};

}  // namespace sg
