#pragma once

#include <cmath>
#include <vector>

#include "kernels/instance_norm/instance_norm.h"

namespace sg {

// Instance norm with ReLU on the CPU as a framework without a kernel for it composes it: an op, and
// a pass over the tensor, for every term of the formula. What fusion is compared with.

/// body(n, row, c) for the rows (pixels) of every image, images over threads: row is the pixel's
/// place in the tensor.
template <class Body>
void for_each_pixel(CpuContext& context, const InstanceNormShape& s, const Body& body) {
    parallel_for(context, s.N, [&](int64_t n) {
        for (int64_t m = 0; m < s.M; ++m) body(n * s.C, (n * s.M + m) * s.C);
    });
}

template <class T>
class ComposedNorm {
  public:
    explicit ComposedNorm(const InstanceNormShape& shape)
        : s_(shape),
          mean_(size_t(s_.N * s_.C)),
          rstd_(mean_.size()),
          sums_(2 * mean_.size()),
          a_(size_t(s_.size())),
          b_(a_.size()) {}

    void forward(CpuContext& context, const InstanceNormForwardArgs<T>& args) {
        statistics(context, args.x);
        each(context, [&](int64_t nc, int64_t at, int64_t c) {
            a_[at + c] = (float(args.x[at + c]) - mean_[nc + c]) * rstd_[nc + c];
        });
        each(context, [&](int64_t, int64_t at, int64_t c) {
            a_[at + c] = a_[at + c] * args.gamma[c] + args.beta[c];
        });
        each(context, [&](int64_t, int64_t at, int64_t c) {
            store(args.y[at + c], a_[at + c] > 0 ? a_[at + c] : 0);
        });
    }

    /// With the statistics that forward saved.
    void backward(CpuContext& context, const InstanceNormBackwardArgs<T>& args) {
        each(context, [&](int64_t nc, int64_t at, int64_t c) {  // the normalised values
            a_[at + c] = (float(args.x[at + c]) - args.mean[nc + c]) * args.rstd[nc + c];
        });
        each(context, [&](int64_t, int64_t at, int64_t c) {  // back through ReLU
            const bool open = a_[at + c] * args.gamma[c] + args.beta[c] > 0;
            b_[at + c] = open ? float(args.grad_y[at + c]) : 0;
        });
        std::fill(sums_.begin(), sums_.end(), 0.0f);
        float *by_beta = sums_.data(), *by_gamma = by_beta + mean_.size();
        each(context, [&](int64_t nc, int64_t at, int64_t c) { by_beta[nc + c] += b_[at + c]; });
        each(context, [&](int64_t nc, int64_t at, int64_t c) {
            by_gamma[nc + c] += b_[at + c] * a_[at + c];
        });
        const float pixels = float(s_.M);
        each(context, [&](int64_t nc, int64_t at, int64_t c) {
            const float inner =
                b_[at + c] - (by_beta[nc + c] + a_[at + c] * by_gamma[nc + c]) / pixels;
            store(args.grad_x[at + c], args.gamma[c] * args.rstd[nc + c] * inner);
        });
        for (int64_t c = 0; c < s_.C; ++c) {
            args.grad_gamma[c] = args.grad_beta[c] = 0;
            for (int64_t n = 0; n < s_.N; ++n) {
                args.grad_gamma[c] += by_gamma[n * s_.C + c];
                args.grad_beta[c] += by_beta[n * s_.C + c];
            }
        }
    }

  private:
    /// A pass: body(n C, place of the pixel, c).
    template <class Body>
    void each(CpuContext& context, const Body& body) {
        for_each_pixel(context, s_, [&](int64_t nc, int64_t at) {
#pragma omp simd
            for (int64_t c = 0; c < s_.C; ++c) body(nc, at, c);
        });
    }
    void statistics(CpuContext& context, const T* x) {
        std::fill(mean_.begin(), mean_.end(), 0.0f);
        std::fill(rstd_.begin(), rstd_.end(), 0.0f);
        const float pixels = float(s_.M);
        each(context, [&](int64_t nc, int64_t at, int64_t c) {
            mean_[nc + c] += float(x[at + c]) / pixels;
        });
        each(context, [&](int64_t nc, int64_t at, int64_t c) {
            const float d = float(x[at + c]) - mean_[nc + c];
            rstd_[nc + c] += d * d / pixels;
        });
        for (float& r : rstd_) r = 1 / std::sqrt(r + float(instance_norm_eps));
    }

    InstanceNormShape s_;
    std::vector<float> mean_, rstd_, sums_, a_, b_;
};

}  // namespace sg
