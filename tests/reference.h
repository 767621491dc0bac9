#pragma once

#include <cmath>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/instance_norm/instance_norm.h"

// The formulas as textbook loops in f64: slow, plain, and written without a look at the kernels.

namespace sg::testing {

/// Calls body(x index, w index, y index) for every product in the definition of convolution.
template <class Body>
void for_each_product(const ConvShape& d, const Body& body) {
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t p = 0; p < d.P(); ++p)
            for (int64_t q = 0; q < d.Q(); ++q)
                for (int64_t r = 0; r < d.R; ++r)
                    for (int64_t s = 0; s < d.S; ++s) {
                        const int64_t h = p * d.stride - d.pad + r, w = q * d.stride - d.pad + s;
                        if (h < 0 || h >= d.H || w < 0 || w >= d.W) continue;
                        for (int64_t k = 0; k < d.K; ++k)
                            for (int64_t c = 0; c < d.C; ++c)
                                body(((n * d.H + h) * d.W + w) * d.C + c,
                                     ((k * d.R + r) * d.S + s) * d.C + c,
                                     ((n * d.P() + p) * d.Q() + q) * d.K + k);
                    }
}

/// Sums with the sum of their terms' magnitudes, which bounds what rounding can do to them.
struct Sums {
    std::vector<double> value, magnitude;
    explicit Sums(int64_t count) : value(count), magnitude(count) {}
    void add(int64_t i, double term) {
        value[i] += term;
        magnitude[i] += std::abs(term);
    }
};

/// The three passes of one convolution.
struct ConvReference {
    Sums y, grad_x, grad_w;

    ConvReference(const ConvShape& d, const std::vector<double>& x, const std::vector<double>& w,
                  const std::vector<double>& grad_y)
        : y(d.y_size()), grad_x(d.x_size()), grad_w(d.w_size()) {
        for_each_product(d, [&](int64_t xi, int64_t wi, int64_t yi) {
            y.add(yi, x[xi] * w[wi]);
            grad_x.add(xi, grad_y[yi] * w[wi]);
            grad_w.add(wi, grad_y[yi] * x[xi]);
        });
    }
    void add_bias(const std::vector<double>& bias) {
        for (size_t i = 0; i < y.value.size(); ++i) y.add(int64_t(i), bias[i % bias.size()]);
    }
};

/// Everything instance normalisation's three passes compute, one (image, channel) at a time.
struct NormReference {
    std::vector<double> y, mean, rstd;                  // forward
    std::vector<double> grad_x, grad_gamma, grad_beta;  // backward
    std::vector<double> gg_y, second_x, second_gamma;   // double backward

    struct Inputs {
        InstanceNormShape shape;
        std::vector<double> x, gamma, beta, residual;
        bool relu = false;
        std::vector<double> grad_y, gg_x, gg_gamma, gg_beta;
    };

    explicit NormReference(const Inputs& in)
        : y(in.x.size()),
          mean(in.shape.N * in.shape.C),
          rstd(mean.size()),
          grad_x(y),
          grad_gamma(in.shape.C),
          grad_beta(in.shape.C),
          gg_y(y),
          second_x(y),
          second_gamma(in.shape.C) {
        for (int64_t n = 0; n < in.shape.N; ++n)
            for (int64_t c = 0; c < in.shape.C; ++c) one_channel(in, n, c);
    }

  private:
    void one_channel(const Inputs& in, int64_t n, int64_t c) {
        const auto [N, M, C] = in.shape;
        const auto at = [&, M = M, C = C](int64_t m) { return (n * M + m) * C + c; };
        const double size = double(M);
        double mu = 0, variance = 0;
        for (int64_t m = 0; m < M; ++m) mu += in.x[at(m)] / size;
        for (int64_t m = 0; m < M; ++m) variance += (in.x[at(m)] - mu) * (in.x[at(m)] - mu) / size;
        const double r = 1 / std::sqrt(variance + instance_norm_eps), gamma = in.gamma[c];
        mean[n * C + c] = mu;
        rstd[n * C + c] = r;

        std::vector<double> xh(M), mask(M), g(M), u(M);
        for (int64_t m = 0; m < M; ++m) {
            xh[m] = (in.x[at(m)] - mu) * r;
            const double affine = gamma * xh[m] + in.beta[c];
            mask[m] = in.relu && affine <= 0 ? 0 : 1;
            y[at(m)] = mask[m] * affine + (in.residual.empty() ? 0 : in.residual[at(m)]);
            if (!in.grad_y.empty()) g[m] = mask[m] * in.grad_y[at(m)];
            if (!in.gg_x.empty()) u[m] = in.gg_x[at(m)];
        }
        const auto dot = [&, M = M](const std::vector<double>& a, const std::vector<double>& b) {
            double sum = 0;
            for (int64_t m = 0; m < M; ++m) sum += a[m] * b[m];
            return sum / size;
        };
        const std::vector<double> one(M, 1.0);
        const double g0 = dot(g, one), g1 = dot(g, xh), u0 = dot(u, one), u1 = dot(u, xh);
        const double E = dot(u, g) - u0 * g0 - u1 * g1;
        const double vg = in.gg_gamma.empty() ? 0 : in.gg_gamma[c];
        const double vb = in.gg_beta.empty() ? 0 : in.gg_beta[c];
        for (int64_t m = 0; m < M; ++m) {
            const double Pg = g[m] - g0 - xh[m] * g1, Pu = u[m] - u0 - xh[m] * u1;
            grad_x[at(m)] = gamma * r * Pg;
            gg_y[at(m)] = mask[m] * (gamma * r * Pu + vg * xh[m] + vb);
            second_x[at(m)] = -gamma * r * r * (E * xh[m] + g1 * Pu + u1 * Pg) + vg * r * Pg;
        }
        grad_gamma[c] += g1 * size;
        grad_beta[c] += g0 * size;
        second_gamma[c] += r * size * E;
    }
};

}  // namespace sg::testing
