#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/instance_norm/instance_norm.h"

// The second version of the CPU's ladder: the textbook's sums, but pixel after pixel with all
// channels of a pixel side by side, as they lie in memory. A cache line is used whole.

namespace sg {

template <class T>
void forward_by_rows(const InstanceNormForwardArgs<T>& a) {
    const auto [N, M, C] = a.shape;
    std::vector<double> sum(C);
    const auto each = [&, M = M, C = C](int64_t n, const auto& body) {
        for (int64_t m = 0; m < M; ++m)
            for (int64_t c = 0; c < C; ++c) body(c, (n * M + m) * C + c);
    };
    for (int64_t n = 0; n < N; ++n) {
        float *mean = a.mean + n * C, *rstd = a.rstd + n * C;
        std::fill(sum.begin(), sum.end(), 0.0);
        each(n, [&](int64_t c, int64_t i) { sum[c] += double(float(a.x[i])); });
        for (int64_t c = 0; c < C; ++c) mean[c] = float(sum[c] / double(M));
        std::fill(sum.begin(), sum.end(), 0.0);
        each(n, [&](int64_t c, int64_t i) {
            const double d = double(float(a.x[i])) - mean[c];
            sum[c] += d * d;
        });
        for (int64_t c = 0; c < C; ++c)
            rstd[c] = float(1 / std::sqrt(sum[c] / double(M) + instance_norm_eps));
        each(n, [&](int64_t c, int64_t i) {
            const float value = a.gamma[c] * ((float(a.x[i]) - mean[c]) * rstd[c]) + a.beta[c];
            a.y[i] = T(value > 0 ? value : 0.0f);
        });
    }
}

template <class T>
void backward_by_rows(const InstanceNormBackwardArgs<T>& a) {
    const auto [N, M, C] = a.shape;
    std::fill_n(a.grad_gamma, C, 0.0f);
    std::fill_n(a.grad_beta, C, 0.0f);
    std::vector<double> sum_g(C), sum_gx(C);
    for (int64_t n = 0; n < N; ++n) {
        const float *mean = a.mean + n * C, *rstd = a.rstd + n * C;
        // body(c, i, xh, g) for every element of the image.
        const auto each = [&, M = M, C = C](const auto& body) {
            for (int64_t m = 0; m < M; ++m)
                for (int64_t c = 0; c < C; ++c) {
                    const int64_t i = (n * M + m) * C + c;
                    const float xh = (float(a.x[i]) - mean[c]) * rstd[c];
                    const bool open = a.gamma[c] * xh + a.beta[c] > 0;
                    body(c, i, xh, open ? float(a.grad_y[i]) : 0.0f);
                }
        };
        std::fill(sum_g.begin(), sum_g.end(), 0.0);
        std::fill(sum_gx.begin(), sum_gx.end(), 0.0);
        each([&](int64_t c, int64_t, float xh, float g) {
            sum_g[c] += g;
            sum_gx[c] += g * xh;
        });
        for (int64_t c = 0; c < C; ++c) {
            a.grad_beta[c] += float(sum_g[c]);
            a.grad_gamma[c] += float(sum_gx[c]);
        }
        const auto size = double(M);
        each([&](int64_t c, int64_t i, float xh, float g) {
            const double centred = g - sum_g[c] / size - xh * sum_gx[c] / size;
            a.grad_x[i] = T(float(a.gamma[c] * rstd[c] * centred));
        });
    }
}

}  // namespace sg
