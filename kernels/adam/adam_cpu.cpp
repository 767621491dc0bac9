#include <cmath>

#include "kernels/adam/adam.h"

namespace sg {

template <class T>
void adam_update(CpuContext& context, const AdamArgs<T>& args) {
    const T beta1 = T(args.beta1), beta2 = T(args.beta2), eps = T(args.eps);
    // Not 1 - beta2 in T: with 0.999 in f32 that is wrong in the fifth digit.
    const T rest1 = T(1.0 - args.beta1), rest2 = T(1.0 - args.beta2);
    const T rate = T(args.lr / (1.0 - std::pow(args.beta1, double(args.step))));
    const T root_correction = T(1.0 / std::sqrt(1.0 - std::pow(args.beta2, double(args.step))));
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        T *p = args.p, *m = args.m, *v = args.v;
        const T* g = args.g;
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) {
            m[i] = beta1 * m[i] + rest1 * g[i];
            v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
            p[i] -= rate * m[i] / (std::sqrt(v[i]) * root_correction + eps);
        }
    });
}

template void adam_update(CpuContext&, const AdamArgs<float>&);
template void adam_update(CpuContext&, const AdamArgs<double>&);

}  // namespace sg
