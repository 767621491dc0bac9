#pragma once

#include <algorithm>
#include <vector>

#include "kernels/conv/conv.h"

namespace sg {

// The formula as loops, for f64 (which oneDNN does not convolve): gradient checks and exact parity
// run on it. Each output element is summed by one thread in a fixed order.

/// [first, last) of kernel taps r for which origin + r lies inside [0, extent).
struct TapRange {
    int64_t first, last;
    TapRange(int64_t origin, int64_t taps, int64_t extent)
        : first(std::max<int64_t>(0, -origin)), last(std::min(taps, extent - origin)) {}
};

template <class T, class Out>
void direct_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    const ConvShape& d = args.shape;
    const int64_t P = d.P(), Q = d.Q();
    parallel_for(context, d.N * P, [&](int64_t np) {
        const int64_t n = np / P, top = (np % P) * d.stride - d.pad;
        const TapRange rows(top, d.R, d.H);
        for (int64_t q = 0; q < Q; ++q) {
            const int64_t left = q * d.stride - d.pad;
            const TapRange columns(left, d.S, d.W);
            for (int64_t k = 0; k < d.K; ++k) {
                acc_t<T> sum = args.epilogue.bias ? args.epilogue.bias[k] : acc_t<T>{0};
                for (int64_t r = rows.first; r < rows.last; ++r)
                    for (int64_t s = columns.first; s < columns.last; ++s) {
                        const T* x = args.x + ((n * d.H + top + r) * d.W + left + s) * d.C;
                        const acc_t<T>* w = args.w + ((k * d.R + r) * d.S + s) * d.C;
                        for (int64_t c = 0; c < d.C; ++c) sum += acc_t<T>(x[c]) * w[c];
                    }
                args.y[(np * Q + q) * d.K + k] = Out(sum);
            }
        }
    });
}

template <class T, class Out>
void direct_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    const ConvShape& d = args.shape;
    const int64_t P = d.P(), Q = d.Q();
    parallel_for(context, d.N * d.H, [&](int64_t nh) {
        const int64_t n = nh / d.H, h = nh % d.H;
        std::vector<acc_t<T>> sum(d.C);
        for (int64_t w = 0; w < d.W; ++w) {
            std::fill(sum.begin(), sum.end(), acc_t<T>{0});
            for (int64_t r = 0; r < d.R; ++r) {
                const int64_t ph = h + d.pad - r;  // = p * stride for the p that reads row h
                if (ph < 0 || ph % d.stride || ph / d.stride >= P) continue;
                for (int64_t s = 0; s < d.S; ++s) {
                    const int64_t qw = w + d.pad - s;
                    if (qw < 0 || qw % d.stride || qw / d.stride >= Q) continue;
                    const T* gy = args.grad_y + ((n * P + ph / d.stride) * Q + qw / d.stride) * d.K;
                    for (int64_t k = 0; k < d.K; ++k) {
                        const acc_t<T>* weights = args.w + ((k * d.R + r) * d.S + s) * d.C;
                        for (int64_t c = 0; c < d.C; ++c) sum[c] += acc_t<T>(gy[k]) * weights[c];
                    }
                }
            }
            for (int64_t c = 0; c < d.C; ++c) args.grad_x[(nh * d.W + w) * d.C + c] = Out(sum[c]);
        }
    });
}

template <class T>
void direct_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    const ConvShape& d = args.shape;
    const int64_t P = d.P(), Q = d.Q();
    parallel_for(context, d.K * d.R, [&](int64_t kr) {
        const int64_t k = kr / d.R, r = kr % d.R;
        for (int64_t s = 0; s < d.S; ++s) {
            acc_t<T>* grad_w = args.grad_w + (kr * d.S + s) * d.C;
            std::fill(grad_w, grad_w + d.C, acc_t<T>{0});
            for (int64_t n = 0; n < d.N; ++n)
                for (int64_t p = 0; p < P; ++p) {
                    const int64_t h = p * d.stride - d.pad + r;
                    if (h < 0 || h >= d.H) continue;
                    for (int64_t q = 0; q < Q; ++q) {
                        const int64_t w = q * d.stride - d.pad + s;
                        if (w < 0 || w >= d.W) continue;
                        const acc_t<T> gy(args.grad_y[((n * P + p) * Q + q) * d.K + k]);
                        const T* x = args.x + ((n * d.H + h) * d.W + w) * d.C;
                        for (int64_t c = 0; c < d.C; ++c) grad_w[c] += gy * acc_t<T>(x[c]);
                    }
                }
        }
    });
}

}  // namespace sg
