// Version 3: the convolution as a product of two matrices, one of which never exists (README.md).
//
//                     column: r, s, c                  filter k
//   row:           +-------------------+             +---------+
//   n, p, q        | x[n][h][w][c]     |      e.g.   | w as it |
//   (pixel of y)   | gathered by index |   times     | lies in |  transposed   =   y as it lies
//                  | arithmetic        |             | memory  |
//                  +-------------------+             +---------+
//
// A block computes 32x32 elements of y, one per thread. It walks along the columns, 32 at a time:
// every thread gathers one element of either matrix into shared memory, then adds 32 products.
//
// The kernel no longer knows images, halos and kernels, only rows and columns: every shape fills
// its tiles but at the edges, and what is known of matrix products applies. What limits it is as
// before two loads from shared memory for a multiplication. More bytes come from memory than in
// version 2, which read a pixel once for all taps, and the index of every element costs divisions.

#include "kernels/conv/ladder/gather.cuh"

namespace sg {

namespace {

constexpr int tile = 32, threads = tile * tile;
constexpr int row = tile + 1;  // one unused element: 32 rows of one column lie in 32 banks

template <class T>
__global__ void __launch_bounds__(threads) conv_forward_v3_kernel(ConvForwardLadder<T> a) {
    __shared__ SharedArray<float, tile * row> x_tile, w_tile;
    const ConvExtents& d = a.d;
    const int lane = int(threadIdx.x) % tile, line = int(threadIdx.x) / tile;
    const int64_t pixel = int64_t(blockIdx.x) * tile + line;
    const int filter = int(blockIdx.y) * tile + line;  // gathered by this thread
    const ConvWindow window(d, pixel);

    float sum = 0;
    for (int first = 0; first < d.columns(); first += tile) {
        const int column = first + lane;
        const int c = column % d.C, s = column / d.C % d.S, r = column / d.C / d.S;
        const int h = window.h + r, w = window.w + s;
        const bool inside = r < d.R && h >= 0 && h < d.H && w >= 0 && w < d.W;
        x_tile[line * row + lane] =
            inside ? float(a.x[window.image + (h * d.W + w) * d.C + c]) : 0.0f;
        const bool exists = filter < d.K && column < d.columns();
        w_tile[line * row + lane] = exists ? float(a.w[filter * d.columns() + column]) : 0.0f;
        __syncthreads();
        for (int i = 0; i < tile; ++i)
            sum += float(x_tile[line * row + i]) * float(w_tile[lane * row + i]);
        __syncthreads();  // before the next tiles overwrite these
    }
    const int k = int(blockIdx.y) * tile + lane;
    if (pixel < d.pixels() && k < d.K) store_result(a.y, Vec<float, 1>{{sum}}, k, pixel * d.K + k);
}

}  // namespace

template <class Device, class T>
void launch_conv_v3(Device& device, const ConvForwardLadder<T>& a) {
    const auto tiles = [](int64_t extent) { return unsigned((extent + tile - 1) / tile); };
    launch(device,
           {.kernel = "conv_forward_v3_kernel",
            .grid = {tiles(a.d.pixels()), tiles(a.d.K)},
            .block = threads},
           conv_forward_v3_kernel<T>, a);
}

template void launch_conv_v3(ThisDevice&, const ConvForwardLadder<float>&);
template void launch_conv_v3(ThisDevice&, const ConvForwardLadder<bf16>&);

}  // namespace sg
