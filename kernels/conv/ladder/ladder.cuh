#pragma once

#include "kernels/common/divide.h"
#include "kernels/common/elementwise.cuh"
#include "kernels/conv/epilogue.cuh"
#include "kernels/conv/ladder/ladder.h"

namespace sg {

/// ConvShape in 32 bits: ladder.cu has checked that the tensors have less than 2^31 elements.
struct ConvExtents {
    int N, H, W, C, K, R, S, stride, pad, P, Q;

    explicit ConvExtents(const ConvShape& s)
        : N(int(s.N)),
          H(int(s.H)),
          W(int(s.W)),
          C(int(s.C)),
          K(int(s.K)),
          R(int(s.R)),
          S(int(s.S)),
          stride(int(s.stride)),
          pad(int(s.pad)),
          P(int(s.P())),
          Q(int(s.Q())) {}
    /// Rows of y, and columns of a filter, seen as matrices: README.md.
    SG_HOST_DEVICE int pixels() const { return N * P * Q; }
    SG_HOST_DEVICE int columns() const { return R * S * C; }
};

/// What every version of the forward pass takes; T is the type of x and w.
template <class T>
struct ConvForwardLadder {
    ConvExtents d;
    Global<const T> x, w;
    ConvResult<T> y;
    int values = 1;  ///< channels of x and w that one access may take: 8 (bf16), 4 or 1
    bool pairs;      ///< whether two neighbouring results may be stored at once

    template <class Out>
    explicit ConvForwardLadder(const ConvForwardArgs<T, Out, T>& args)
        : d(args.shape),
          x(args.x),
          w(args.w),
          y(conv_result(args.epilogue, args.y)),
          pairs(result_vectors(args.epilogue, args.y, sizeof(Out), args.shape.K)) {
        for (const int n : {4, vec_width<T>})
            if (d.C % n == 0 && aligned_to(n * sizeof(T), args.x, args.w)) values = n;
    }
};

template <class T>
struct ConvDgradLadder {
    ConvExtents d;
    Global<const T> grad_y, w;
    ConvResult<T> grad_x;
};

template <class T>
struct ConvWgradLadder {
    ConvExtents d;
    Global<const T> x, grad_y;
    Global<float> grad_w;
};

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

template <class Device, class T>
void launch_conv_v1(Device& device, const ConvForwardLadder<T>& args);
template <class Device, class T>
void launch_conv_dgrad_v1(Device& device, const ConvDgradLadder<T>& args);
template <class Device, class T>
void launch_conv_wgrad_v1(Device& device, const ConvWgradLadder<T>& args);
template <class Device, class T>
void launch_conv_v2(Device& device, const ConvForwardLadder<T>& args);
template <class Device, class T>
void launch_conv_v3(Device& device, const ConvForwardLadder<T>& args);
template <class Device, class T>
void launch_conv_v4(Device& device, const ConvForwardLadder<T>& args);
template <class Device>
void launch_conv_v5(Device& device, const ConvForwardLadder<bf16>& args);

}  // namespace sg
