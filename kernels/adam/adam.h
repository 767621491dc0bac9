#pragma once

#include <cstdint>

#include "kernels/common/context.h"

namespace sg {

/// One Adam update (Kingma & Ba 2015, algorithm 1) of `count` parameters, all arrays overwritten
/// element by element, step = 1 for the first update:
///   m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2,
///   p -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
/// Instantiations: T = float, double. The corrections are computed in double.
template <class T>
struct AdamArgs {
    int64_t count;
    T* p;
    T* m;
    T* v;
    const T* g;
    int64_t step;
    double lr, beta1, beta2, eps;
};
template <class T>
void adam_update(CpuContext& context, const AdamArgs<T>& args);

}  // namespace sg
