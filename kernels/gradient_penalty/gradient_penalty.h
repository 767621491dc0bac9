#pragma once

#include <cstdint>

#include "kernels/common/context.h"

namespace sg {

/// The parts of WGAN-GP's penalty (Gulrajani et al. 2017) that are not convolutions, on images
/// [N, M] with M = H*W*3 values each. T = float, double.

/// x_hat[n,m] = alpha[n] real[n,m] + (1 - alpha[n]) fake[n,m]. x_hat may be real or fake.
template <class T>
struct InterpolateArgs {
    int64_t N, M;
    const T* real;
    const T* fake;
    const T* alpha;  ///< [N]
    T* x_hat;
};
template <class T>
void interpolate(CpuContext& context, const InterpolateArgs<T>& args);

/// From g = dS/dx_hat, S the sum over D's patch map:
///   norm[n] = ||g[n,.]||_2,
///   value   = 1/N sum_n (norm[n] - 1)^2,
///   k[n]    = 2/N (1 - 1/norm[n]), 0 where norm[n] = 0, so that d value / d g[n,m] = k[n] g[n,m].
template <class T>
struct PenaltyArgs {
    int64_t N, M;
    const T* g;
    T* norm;       ///< [N]
    T* k;          ///< [N]
    T* value;      ///< one scalar
    T* workspace;  ///< penalty_workspace(N, M) elements
};
int64_t penalty_workspace(int64_t N, int64_t M);
template <class T>
void gradient_penalty(CpuContext& context, const PenaltyArgs<T>& args);

}  // namespace sg
