#include <cmath>

#include "kernels/adam/adam.h"
#include "kernels/adam/split_master.h"

namespace sg {

void adam_advance(CpuContext&, const AdamAdvanceArgs& args) {
    AdamSchedule& schedule = *args.schedule;
    schedule = adam_schedule(schedule.step + 1, schedule.lr, args.beta1, args.beta2);
}

namespace {

/// What all elements share.
template <class T>
struct AdamFactors {
    explicit AdamFactors(const AdamArgs<T>& args)
        : beta1(T(args.beta1)),
          rest1(T(1.0 - args.beta1)),
          beta2(T(args.beta2)),
          rest2(T(1.0 - args.beta2)),
          eps(T(args.eps)),
          rate(T(args.schedule->lr * args.schedule->correction1)),
          root_correction(T(args.schedule->correction2)) {}

    /// Returns p after the update.
    T update(T p, T& m, T& v, T g) const {
        m = beta1 * m + rest1 * g;
        v = beta2 * v + rest2 * g * g;
        return p - rate * m / (std::sqrt(v) * root_correction + eps);
    }

    // 1 - beta2 is not formed in T: with 0.999 in f32 that is wrong in the fifth digit.
    T beta1, rest1, beta2, rest2, eps, rate, root_correction;
};

}  // namespace

template <class T>
void adam_update(CpuContext& context, const AdamArgs<T>& args) {
    if (args.halted && *args.halted) return;
    const AdamFactors<T> factors(args);
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        T *p = args.p, *m = args.m, *v = args.v;
        const T* g = args.g;
        if (p) {
#pragma omp simd
            for (int64_t i = begin; i < end; ++i) p[i] = factors.update(p[i], m[i], v[i], g[i]);
            return;
        }
        for (int64_t i = begin; i < end; ++i) {
            const T value = join_f32(args.high[i], args.low[i]);
            const SplitF32 halves = split_f32(float(factors.update(value, m[i], v[i], g[i])));
            args.high[i].bits = halves.high.bits;
            args.low[i] = halves.low;
        }
    });
}

template <class T>
void ema_update(CpuContext& context, const EmaArgs<T>& args) {
    if (args.halted && *args.halted) return;
    const T rest = T(1.0 - args.decay);  // in f64, as above
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        T* average = args.average;
        const T* p = args.p;
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) average[i] += rest * (p[i] - average[i]);
    });
}

#define SG_INSTANTIATE(T)                                       \
    template void adam_update(CpuContext&, const AdamArgs<T>&); \
    template void ema_update(CpuContext&, const EmaArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(double)

}  // namespace sg
