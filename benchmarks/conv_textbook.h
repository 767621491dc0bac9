#pragma once

#include <algorithm>
#include <vector>

#include "benchmarks/kernel_family.h"
#include "kernels/common/philox.h"
#include "kernels/conv/conv.h"

// Convolution's three passes as their formulas say them, in f64, one element of the result at a
// time: what the benchmark compares results with. All elements of small results, some of large
// ones.

namespace sg {

template <class X, class W>
double textbook_y(const ConvShape& d, const X* x, const W* weights, int64_t element) {
    const int64_t k = element % d.K, q = element / d.K % d.Q();
    const int64_t p = element / d.K / d.Q() % d.P(), n = element / d.K / d.Q() / d.P();
    double sum = 0;
    for (int64_t r = 0; r < d.R; ++r)
        for (int64_t s = 0; s < d.S; ++s) {
            const int64_t h = p * d.stride - d.pad + r, w = q * d.stride - d.pad + s;
            if (h < 0 || h >= d.H || w < 0 || w >= d.W) continue;
            for (int64_t c = 0; c < d.C; ++c)
                sum += double(float(x[((n * d.H + h) * d.W + w) * d.C + c])) *
                       double(float(weights[((k * d.R + r) * d.S + s) * d.C + c]));
        }
    return sum;
}

template <class Y, class W>
double textbook_grad_x(const ConvShape& d, const Y* grad_y, const W* weights, int64_t element) {
    const int64_t c = element % d.C, w = element / d.C % d.W;
    const int64_t h = element / d.C / d.W % d.H, n = element / d.C / d.W / d.H;
    double sum = 0;
    for (int64_t r = 0; r < d.R; ++r)
        for (int64_t s = 0; s < d.S; ++s) {
            const int64_t ph = h + d.pad - r, qw = w + d.pad - s;
            if (ph < 0 || ph % d.stride || qw < 0 || qw % d.stride) continue;
            const int64_t p = ph / d.stride, q = qw / d.stride;
            if (p >= d.P() || q >= d.Q()) continue;
            for (int64_t k = 0; k < d.K; ++k)
                sum += double(float(grad_y[((n * d.P() + p) * d.Q() + q) * d.K + k])) *
                       double(float(weights[((k * d.R + r) * d.S + s) * d.C + c]));
        }
    return sum;
}

template <class X, class Y>
double textbook_grad_w(const ConvShape& d, const X* x, const Y* grad_y, int64_t element) {
    const int64_t c = element % d.C, s = element / d.C % d.S;
    const int64_t r = element / d.C / d.S % d.R, k = element / d.C / d.S / d.R;
    double sum = 0;
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t p = 0; p < d.P(); ++p)
            for (int64_t q = 0; q < d.Q(); ++q) {
                const int64_t h = p * d.stride - d.pad + r, w = q * d.stride - d.pad + s;
                if (h < 0 || h >= d.H || w < 0 || w >= d.W) continue;
                sum += double(float(grad_y[((n * d.P() + p) * d.Q() + q) * d.K + k])) *
                       double(float(x[((n * d.H + h) * d.W + w) * d.C + c]));
            }
    return sum;
}

/// The textbook's values of some elements of a result: of all, if `terms` products for each of them
/// do not take long, else of the first, the last and random ones.
struct ConvSample {
    std::vector<int64_t> elements;
    std::vector<double> values;

    template <class Textbook>
    ConvSample(int64_t size, int64_t terms, const Textbook& textbook) {
        constexpr int64_t products = 20'000'000, fewest = 200;
        const int64_t count = std::min(size, std::max(products / terms, fewest));
        const Rng rng{.seed = 5};
        for (int64_t i = 0; i < count; ++i)
            elements.push_back(count == size || i == 0 ? i
                                                       : int64_t(rng.uniform(i) * double(size)));
        elements.back() = size - 1;
        for (const int64_t element : elements) values.push_back(textbook(element));
    }
    /// relative_error of the whole result.
    template <class Out>
    double error(const std::vector<Out>& result) const {
        std::vector<Out> sample;
        for (const int64_t element : elements) sample.push_back(result[element]);
        return relative_error(sample, values);
    }
};

}  // namespace sg
