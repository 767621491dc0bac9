#pragma once

#include "kernels/common/divide.h"
#include "kernels/conv/ladder/ladder.cuh"

// The index arithmetic of the product of matrices: README.md.

namespace sg {

/// The input of one output pixel, a row of the gathered matrix: where its window starts.
struct ConvWindow {
    int image;  ///< the index of x[n][0][0][0]
    int h, w;   ///< of the window's first row and column; may lie outside of the image

    ConvWindow() = default;
    __device__ ConvWindow(const ConvExtents& d, int64_t pixel) {
        const bool exists = pixel < d.pixels();
        const int m = exists ? int(pixel) : 0;
        const int q = m % d.Q, p = m / d.Q % d.P, n = m / d.Q / d.P;
        image = n * d.H * d.W * d.C;
        h = exists ? p * d.stride - d.pad : -d.R;  // outside of the image in all rows
        w = q * d.stride - d.pad;
    }
};

/// Reads V neighbouring columns of the gathered matrix and of the filters' matrix; column
/// (r S + s) C + c. V divides C if `vectors`, else each is looked for by itself.
template <class T, int V, bool vectors>
struct ConvGather {
    ConvExtents d;
    Divider channels, kernel_columns;
    Global<const T> x, w;

    explicit ConvGather(const ConvForwardLadder<T>& a)
        : d(a.d), channels(a.d.C), kernel_columns(a.d.S), x(a.x), w(a.w) {}

    template <int N>
    __device__ Vec<T, N> pixel(const ConvWindow& window, int column) const {
        int r = column;
        const int c = channels.split(r), s = kernel_columns.split(r);
        const int h = window.h + r, w = window.w + s;
        const bool inside = r < d.R && h >= 0 && h < d.H && w >= 0 && w < d.W;
        if (inside) return load<N>(x + (window.image + (h * d.W + w) * d.C + c));
        Vec<T, N> zeros;
        for (int i = 0; i < N; ++i) zeros[i] = T(0.0f);
        return zeros;
    }
    template <int N>
    __device__ Vec<T, N> filter(int k, int column) const {
        if (k < d.K && column < d.columns()) return load<N>(w + (k * d.columns() + column));
        Vec<T, N> zeros;
        for (int i = 0; i < N; ++i) zeros[i] = T(0.0f);
        return zeros;
    }
    __device__ Vec<T, V> pixels(const ConvWindow& window, int column) const {
        Vec<T, V> all;
        if constexpr (vectors)
            all = pixel<V>(window, column);
        else
            for (int i = 0; i < V; ++i) all[i] = pixel<1>(window, column + i)[0];
        return all;
    }
    __device__ Vec<T, V> filters(int k, int column) const {
        Vec<T, V> all;
        if constexpr (vectors)
            all = filter<V>(k, column);
        else
            for (int i = 0; i < V; ++i) all[i] = filter<1>(k, column + i)[0];
        return all;
    }
};

}  // namespace sg
