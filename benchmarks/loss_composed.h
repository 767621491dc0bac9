#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/common/context.h"
#include "kernels/common/lanes.h"

namespace sg {

// The losses and their gradients on the CPU as a framework without kernels for them composes them:
// an op, and a pass, for every term of the formula. What one pass is compared with.
class ComposedLoss {
  public:
    struct Operands {
        const float *x, *z;
        float *value, *gradient;
    };

    /// Of N images with `count` values together.
    ComposedLoss(int64_t N, int64_t count)
        : N_(N), count_(count), a_(size_t(count)), b_(size_t(count)), row_(size_t(N)) {}

    void l1(CpuContext& context, const Operands& o) {
        each(context, [&](int64_t i) { a_[i] = o.x[i] - o.z[i]; });
        each(context, [&](int64_t i) { b_[i] = std::abs(a_[i]); });
        *o.value = sum(context, b_) / float(count_);
        each(context, [&](int64_t i) { b_[i] = float(a_[i] > 0) - float(a_[i] < 0); });
        each(context, [&](int64_t i) { o.gradient[i] = b_[i] / float(count_); });
    }
    void mean(CpuContext& context, const Operands& o) {
        each(context, [&](int64_t i) { a_[i] = o.x[i]; });
        *o.value = sum(context, a_) / float(count_);
        each(context, [&](int64_t i) { o.gradient[i] = 1 / float(count_); });
    }
    void bce_with_logits(CpuContext& context, const Operands& o) {
        each(context, [&](int64_t i) { a_[i] = std::max(o.x[i], 0.0f) - o.x[i] * o.z[i]; });
        each(context, [&](int64_t i) { b_[i] = std::log1p(std::exp(-std::abs(o.x[i]))); });
        each(context, [&](int64_t i) { a_[i] += b_[i]; });
        *o.value = sum(context, a_) / float(N_);
        each(context, [&](int64_t i) { b_[i] = 1 / (1 + std::exp(-o.x[i])); });
        each(context, [&](int64_t i) { o.gradient[i] = (b_[i] - o.z[i]) / float(N_); });
    }
    void cross_entropy(CpuContext& context, const Operands& o) {
        const int64_t L = count_ / N_;
        each(context, [&](int64_t i) { a_[i] = std::exp(o.x[i]); });
        for (int64_t n = 0; n < N_; ++n) {
            row_[n] = 0;
            for (int64_t i = n * L; i < (n + 1) * L; ++i) row_[n] += a_[i];
        }
        each(context, [&](int64_t i) { a_[i] /= row_[i / L]; });
        each(context, [&](int64_t i) { b_[i] = -o.z[i] * std::log(a_[i]); });
        *o.value = sum(context, b_) / float(N_);
        each(context, [&](int64_t i) { o.gradient[i] = (a_[i] - o.z[i]) / float(N_); });
    }

  private:
    template <class Element>
    void each(CpuContext& context, const Element& element) {
        parallel_chunks(context, count_, [&](int64_t begin, int64_t end) {
#pragma omp simd
            for (int64_t i = begin; i < end; ++i) element(i);
        });
    }
    /// Of values of the same sign, or of which few cancel: chunks in f32, their sums in f64.
    static float sum(CpuContext& context, const std::vector<float>& values) {
        constexpr int64_t chunk = 4096;
        const auto count = int64_t(values.size());
        std::vector<double> sums(size_t((count + chunk - 1) / chunk));
        parallel_for(context, int64_t(sums.size()), [&](int64_t c) {
            sums[c] = sum_in_lanes<float>(c * chunk, std::min(count, (c + 1) * chunk),
                                          [x = values.data()](int64_t i) { return x[i]; });
        });
        double all = 0;
        for (const double part : sums) all += part;
        return float(all);
    }

    int64_t N_, count_;
    std::vector<float> a_, b_, row_;
};

}  // namespace sg
