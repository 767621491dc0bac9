#include <cmath>

#include "kernels/adam/adam.h"

namespace sg {

void adam_advance(CpuContext&, const AdamAdvanceArgs& args) {
    AdamSchedule& schedule = *args.schedule;
    schedule = adam_schedule(schedule.step + 1, schedule.lr, args.beta1, args.beta2);
}

template <class T>
void adam_update(CpuContext& context, const AdamArgs<T>& args) {
    if (args.halted && *args.halted) return;
    const T beta1 = T(args.beta1), beta2 = T(args.beta2), eps = T(args.eps);
    // Not 1 - beta2 in T: with 0.999 in f32 that is wrong in the fifth digit.
    const T rest1 = T(1.0 - args.beta1), rest2 = T(1.0 - args.beta2);
    const T rate = T(args.schedule->lr * args.schedule->correction1);
    const T root_correction = T(args.schedule->correction2);
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        T *p = args.p, *m = args.m, *v = args.v;
        const T* g = args.g;
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) {
            m[i] = beta1 * m[i] + rest1 * g[i];
            v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
            p[i] -= rate * m[i] / (std::sqrt(v[i]) * root_correction + eps);
        }
        if (!args.p_bf16) return;
        bf16* copy = args.p_bf16;
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) store(copy[i], float(p[i]));
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
