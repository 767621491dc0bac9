#pragma once

#include <cmath>
#include <vector>

#include "benchmarks/kernel_family.h"
#include "kernels/instance_norm/instance_norm.h"

// Instance norm (with ReLU) as its formula says it, one image and channel after another: what the
// benchmark compares results with, and the first version of the CPU's ladder.

namespace sg {

/// y, mean, rstd; y may be double.
template <class T, class Y>
void textbook_forward(const InstanceNormShape& s, const T* x, const float* gamma, const float* beta,
                      Y* y, float* mean, float* rstd) {
    for (int64_t plane = 0; plane < s.N * s.C; ++plane) {
        const int64_t c = plane % s.C, first = plane / s.C * s.M * s.C + c;
        double sum = 0, squares = 0;
        for (int64_t m = 0; m < s.M; ++m) sum += double(float(x[first + m * s.C]));
        const double mu = sum / double(s.M);
        for (int64_t m = 0; m < s.M; ++m) {
            const double d = double(float(x[first + m * s.C])) - mu;
            squares += d * d;
        }
        const double r = 1 / std::sqrt(squares / double(s.M) + instance_norm_eps);
        mean[plane] = float(mu), rstd[plane] = float(r);
        for (int64_t m = 0; m < s.M; ++m) {
            const double value =
                gamma[c] * (double(float(x[first + m * s.C])) - mu) * r + double(beta[c]);
            y[first + m * s.C] = Y(float(value > 0 ? value : 0));
        }
    }
}

template <class T, class Y>
void textbook_backward(const InstanceNormShape& s, const T* grad_y, const T* x, const float* gamma,
                       const float* beta, const float* mean, const float* rstd, Y* grad_x,
                       float* grad_gamma, float* grad_beta) {
    for (int64_t c = 0; c < s.C; ++c) grad_gamma[c] = grad_beta[c] = 0;
    for (int64_t plane = 0; plane < s.N * s.C; ++plane) {
        const int64_t c = plane % s.C, first = plane / s.C * s.M * s.C + c;
        const auto xh = [&](int64_t m) {
            return (double(float(x[first + m * s.C])) - mean[plane]) * rstd[plane];
        };
        const auto g = [&](int64_t m) {
            const bool open = gamma[c] * xh(m) + beta[c] > 0;
            return open ? double(float(grad_y[first + m * s.C])) : 0.0;
        };
        double sum_g = 0, sum_gx = 0;
        for (int64_t m = 0; m < s.M; ++m) sum_g += g(m), sum_gx += g(m) * xh(m);
        grad_gamma[c] += float(sum_gx), grad_beta[c] += float(sum_g);
        const double size = double(s.M);
        for (int64_t m = 0; m < s.M; ++m)
            grad_x[first + m * s.C] =
                Y(float(gamma[c] * rstd[plane] * (g(m) - sum_g / size - xh(m) * sum_gx / size)));
    }
}

template <class T>
void textbook_forward(const InstanceNormForwardArgs<T>& a) {
    textbook_forward(a.shape, a.x, a.gamma, a.beta, a.y, a.mean, a.rstd);
}
template <class T>
void textbook_backward(const InstanceNormBackwardArgs<T>& a) {
    textbook_backward(a.shape, a.grad_y, a.x, a.gamma, a.beta, a.mean, a.rstd, a.grad_x,
                      a.grad_gamma, a.grad_beta);
}

/// Inputs and the results that every version must reach.
template <class T>
struct NormTextbook {
    InstanceNormShape shape;
    std::vector<T> x, grad_y;
    std::vector<float> gamma, beta, mean, rstd, grad_gamma, grad_beta;
    std::vector<double> y, grad_x;

    NormTextbook(const InstanceNormShape& s, std::vector<T> inputs, std::vector<T> cotangents)
        : shape(s),
          x(std::move(inputs)),
          grad_y(std::move(cotangents)),
          gamma(uniform_values<float>(s.C, 3, 0.5f, 1.5f)),
          beta(uniform_values<float>(s.C, 4, -0.5f, 0.5f)),
          mean(s.N * s.C),
          rstd(s.N * s.C),
          grad_gamma(s.C),
          grad_beta(s.C),
          y(s.size()),
          grad_x(s.size()) {
        textbook_forward(s, x.data(), gamma.data(), beta.data(), y.data(), mean.data(),
                         rstd.data());
        textbook_backward(s, grad_y.data(), x.data(), gamma.data(), beta.data(), mean.data(),
                          rstd.data(), grad_x.data(), grad_gamma.data(), grad_beta.data());
    }
    /// grad_y where the ReLU was open, else 0.
    std::vector<T> open_grad_y() const {
        std::vector<T> open = grad_y;
        for (int64_t i = 0; i < shape.size(); ++i) {
            const int64_t c = i % shape.C, plane = i / (shape.M * shape.C) * shape.C + c;
            const double xh = (double(float(x[i])) - mean[plane]) * rstd[plane];
            if (!(gamma[c] * xh + beta[c] > 0)) open[i] = T(0.0f);
        }
        return open;
    }
};

}  // namespace sg
