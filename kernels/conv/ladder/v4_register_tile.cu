// Version 4: each thread computes 8x8 elements of y in registers.
//
//   128 pixels x 64 filters per block       thread (ty, tx) of 16 x 8 has pixels ty, ty+16, ...
//   columns of both, 16 at a time           and filters tx, tx+8, ...: 64 sums
//
//                     8 values of w          8 + 8 values read for 64 multiplications,
//   8 values of x   [ 8 x 8 sums ]           where version 3 reads 2 for one
//
// Four neighbouring columns are read from shared memory by one 16-byte load, and from global memory
// too where C is a multiple of 4. A row of a tile is padded from 16 to 20 floats: eight threads
// that read 16 bytes of eight neighbouring rows then meet all 32 banks once.
//
// The pixels whose windows a thread gathers stay the same, so their coordinates are computed once;
// a step costs one division by C and S per thread (a multiplication: divide.h). The tile is larger
// than version 3's: x is read once for 64 filters, w once for 128 pixels.
//
// What limits it: f32 units, 67 TFLOP/s on an H200 against 790 of its tensor cores. And the block
// alternates between waiting for memory and multiplying.

#include "kernels/conv/ladder/gather.cuh"

namespace sg {

namespace {

constexpr int tile_m = 128, tile_n = 64, tile_k = 16, row = tile_k + 4;
constexpr int piece = 8, threads = tile_m / piece * tile_n / piece;
constexpr int lines = 32;  // rows of a tile that the block gathers at a time

template <class T>
__device__ Vec<float, 4> widened(const Vec<T, 4>& values) {
    return {{float(values[0]), float(values[1]), float(values[2]), float(values[3])}};
}

/// sums += x_tile w_tile^T for the thread's 8 rows of either.
__device__ inline void multiply(Shared<const float> x_rows, Shared<const float> w_rows,
                                float (&sums)[piece][piece]) {
    for (int column = 0; column < tile_k; column += 4) {
        Vec<float, 4> w[piece];
#pragma unroll
        for (int j = 0; j < piece; ++j)
            w[j] = load<4>(w_rows + (j * (tile_n / piece) * row + column));
#pragma unroll
        for (int i = 0; i < piece; ++i) {
            const auto x = load<4>(x_rows + (i * (tile_m / piece) * row + column));
#pragma unroll
            for (int j = 0; j < piece; ++j)
                for (int v = 0; v < 4; ++v) sums[i][j] += x[v] * w[j][v];
        }
    }
}

template <class T, bool vectors>
__global__ void __launch_bounds__(threads)
    conv_forward_v4_kernel(ConvForwardLadder<T> a, ConvGather<T, 4, vectors> in) {
    __shared__ SharedArray<float, tile_m * row> x_tile;
    __shared__ SharedArray<float, tile_n * row> w_tile;
    const int t = int(threadIdx.x), tx = t % 8, ty = t / 8;
    const int64_t m0 = int64_t(blockIdx.x) * tile_m;
    const int n0 = int(blockIdx.y) * tile_n;
    // A warp gathers 8 rows of 16 columns: 64 bytes each, two whole sectors.
    const int line = t % 8 + t / 32 * 8, quarter = t / 8 % 4 * 4;
    ConvWindow windows[tile_m / lines];
#pragma unroll
    for (int i = 0; i < tile_m / lines; ++i) windows[i] = ConvWindow(a.d, m0 + line + i * lines);

    float sums[piece][piece] = {};
    for (int column = 0; column < a.d.columns(); column += tile_k) {
#pragma unroll
        for (int i = 0; i < tile_m / lines; ++i)
            store(x_tile + ((line + i * lines) * row + quarter),
                  widened(in.pixels(windows[i], column + quarter)));
#pragma unroll
        for (int i = 0; i < tile_n / lines; ++i)
            store(w_tile + ((line + i * lines) * row + quarter),
                  widened(in.filters(n0 + line + i * lines, column + quarter)));
        __syncthreads();
        multiply(x_tile + ty * row, w_tile + tx * row, sums);
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < piece; ++i) {
        const int64_t pixel = m0 + ty + i * (tile_m / piece);
#pragma unroll
        for (int j = 0; j < piece; ++j) {
            const int k = n0 + tx + j * (tile_n / piece);  // 8 neighbours: a whole sector
            if (pixel < a.d.pixels() && k < a.d.K)
                store_result(a.y, Vec<float, 1>{{sums[i][j]}}, k, pixel * a.d.K + k);
        }
    }
}

}  // namespace

template <class Device, class T>
void launch_conv_v4(Device& device, const ConvForwardLadder<T>& a) {
    const Launch config{.kernel = "conv_forward_v4_kernel",
                        .grid = {unsigned((int64_t{a.d.pixels()} + tile_m - 1) / tile_m),
                                 unsigned((int64_t{a.d.K} + tile_n - 1) / tile_n)},
                        .block = threads};
    if (a.values >= 4)
        launch(device, config, conv_forward_v4_kernel<T, true>, a, ConvGather<T, 4, true>(a));
    else
        launch(device, config, conv_forward_v4_kernel<T, false>, a, ConvGather<T, 4, false>(a));
}

template void launch_conv_v4(ThisDevice&, const ConvForwardLadder<float>&);
template void launch_conv_v4(ThisDevice&, const ConvForwardLadder<bf16>&);

}  // namespace sg
