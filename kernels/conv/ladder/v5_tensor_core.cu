// Version 5: bf16 on tensor cores, from swizzled shared memory.
//
//   block: 128 pixels x 64 filters, 4 warps of 64 x 32     columns, 64 at a time
//   warp:  4 x 4 products of 16x8 sums, each 16 columns deep (mma_m16n8k16)
//
// One instruction of a warp makes 2048 products from registers that load_matrices (ldmatrix) fills:
// it hands 8x8 matrices to the lanes that need them, eight rows of 16 bytes at a time. The rows of
// a tile are 128 bytes, all 32 banks, so the same 16 bytes of eight rows would lie in the same four
// banks. Hence chunk j of row i lies at place j xor (i mod 8):
//
//   row 0   0 1 2 3 4 5 6 7      a column of chunks, e.g. 0, is spread over all banks, both when
//   row 1   1 0 3 2 5 4 7 6      it is read by load_matrices and when it is written by eight
//   row 2   2 3 0 1 6 7 4 5      threads; no byte of padding
//   ...
//
// What limits it: the tensor cores wait while a tile is gathered, and the gathering waits while
// they multiply: one tile, two barriers per 64 columns. Version 6 gathers the next tiles meanwhile.

#include "kernels/common/tensor_core.cuh"
#include "kernels/conv/ladder/gather.cuh"

namespace sg {

namespace {

constexpr int tile_m = 128, tile_n = 64, tile_k = 64, threads = 128;
constexpr int warp_m = 64, warp_n = 32, rows = warp_m / 16, columns = warp_n / 8;
constexpr int lines = 16;  // rows of a tile that the block gathers at a time

/// Where eight values of a row of a tile lie.
__device__ inline int place(int row, int chunk) {
    return row * tile_k + (chunk ^ row % 8) * 8;
}

/// sums += x_tile w_tile^T for the warp's rows of either.
__device__ inline void multiply(Shared<const bf16> x_tile, Shared<const bf16> w_tile, int m, int n,
                                float (&sums)[rows][columns][4]) {
    const int lane = int(threadIdx.x) % 32;
    for (int chunk = 0; chunk < tile_k / 8; chunk += 2) {
        unsigned w[columns / 2][4];  // of two products each: columns 0-7 and 8-15, twice
#pragma unroll
        for (int j = 0; j < columns / 2; ++j)
            load_matrices<4, false>(
                w[j], w_tile + place(n + 16 * j + lane / 16 * 8 + lane % 8, chunk + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < rows; ++i) {
            unsigned x[4];
            load_matrices<4, false>(x, x_tile + place(m + 16 * i + lane % 16, chunk + lane / 16));
#pragma unroll
            for (int j = 0; j < columns; ++j) {
                const unsigned b[] = {w[j / 2][j % 2 * 2], w[j / 2][j % 2 * 2 + 1]};
                mma_m16n8k16(sums[i][j], x, b);
            }
        }
    }
}

/// Two neighbouring results.
__device__ inline void store_pair(const ConvForwardLadder<bf16>& a, int64_t pixel, int k,
                                  float first, float second) {
    if (pixel >= a.d.pixels()) return;
    const int64_t element = pixel * a.d.K + k;
    if (a.pairs) {
        if (k < a.d.K) store_result(a.y, Vec<float, 2>{{first, second}}, k, element);
        return;
    }
    if (k < a.d.K) store_result(a.y, Vec<float, 1>{{first}}, k, element);
    if (k + 1 < a.d.K) store_result(a.y, Vec<float, 1>{{second}}, k + 1, element + 1);
}

template <bool vectors>
__global__ void __launch_bounds__(threads)
    conv_forward_v5_kernel(ConvForwardLadder<bf16> a, ConvGather<bf16, 8, vectors> in) {
    __shared__ SharedArray<bf16, tile_m * tile_k> x_tile;
    __shared__ SharedArray<bf16, tile_n * tile_k> w_tile;
    const int t = int(threadIdx.x), warp = t / 32, lane = t % 32;
    const int64_t m0 = int64_t(blockIdx.x) * tile_m;
    const int n0 = int(blockIdx.y) * tile_n, m = warp / 2 * warp_m, n = warp % 2 * warp_n;
    // A warp gathers 8 rows of 32 columns: 64 bytes each, two whole sectors.
    const int line = t % 8 + t / 64 * 8, chunk = t / 8 % 8;

    ConvWindow windows[tile_m / lines];
#pragma unroll
    for (int i = 0; i < tile_m / lines; ++i) windows[i] = ConvWindow(a.d, m0 + line + i * lines);

    float sums[rows][columns][4] = {};
    for (int column = 0; column < a.d.columns(); column += tile_k) {
        const int own = column + chunk * 8;
#pragma unroll
        for (int i = 0; i < tile_m / lines; ++i)
            store(x_tile + place(line + i * lines, chunk), in.pixels(windows[i], own));
#pragma unroll
        for (int i = 0; i < tile_n / lines; ++i)
            store(w_tile + place(line + i * lines, chunk), in.filters(n0 + line + i * lines, own));
        __syncthreads();
        multiply(x_tile, w_tile, m, n, sums);
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < rows; ++i)
#pragma unroll
        for (int j = 0; j < columns; ++j) {
            const int64_t pixel = m0 + m + 16 * i + lane / 4;
            const int k = n0 + n + 8 * j + lane % 4 * 2;
            store_pair(a, pixel, k, sums[i][j][0], sums[i][j][1]);
            store_pair(a, pixel + 8, k, sums[i][j][2], sums[i][j][3]);
        }
}

}  // namespace

template <class Device>
void launch_conv_v5(Device& device, const ConvForwardLadder<bf16>& a) {
    const Launch config{.kernel = "conv_forward_v5_kernel",
                        .grid = {unsigned((int64_t{a.d.pixels()} + tile_m - 1) / tile_m),
                                 unsigned((int64_t{a.d.K} + tile_n - 1) / tile_n)},
                        .block = threads};
    if (a.values == 8)
        launch(device, config, conv_forward_v5_kernel<true>, a, ConvGather<bf16, 8, true>(a));
    else
        launch(device, config, conv_forward_v5_kernel<false>, a, ConvGather<bf16, 8, false>(a));
}

template void launch_conv_v5(ThisDevice&, const ConvForwardLadder<bf16>&);

}  // namespace sg
