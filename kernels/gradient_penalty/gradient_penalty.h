#pragma once

#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"

namespace sg {

/// The parts of WGAN-GP's penalty (Gulrajani et al. 2017) that are not convolutions, on images
/// [N, M] with M = H*W*3 values each. Outputs are overwritten. Instantiations: T = float, bf16,
/// double (bf16 is computed in f32; double on the CPU only), gradient_penalty without bf16.

/// x_hat[n,m] = alpha[n] real[n,m] + (1 - alpha[n]) fake[n,m]. x_hat may be real or fake.
template <class T>
struct InterpolateArgs {
    int64_t N, M;
    const T* real;
    const T* fake;
    const acc_t<T>* alpha;  ///< [N]
    T* x_hat;
};
template <class T>
void interpolate(CpuContext& context, const InterpolateArgs<T>& args);
template <DeviceContext Device, class T>
void interpolate(Device& device, const InterpolateArgs<T>& args);

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
template <DeviceContext Device, class T>
void gradient_penalty(Device& device, const PenaltyArgs<T>& args);

/// How a cotangent or a tangent x passes a LeakyReLU whose *output* was a (slope > 0: output and
/// input have the same sign), with one factor per image on the way:
///   y[n,m] = (a[n,m] > 0 ? 1 : slope) x[n,m] (scale ? scale[n] : 1).   y may be x or a.
template <class T>
struct LeakyMaskArgs {
    int64_t N, M;
    const T* x;
    const T* a;
    const acc_t<T>* scale = nullptr;  ///< [N]
    double slope;
    T* y;
};
template <class T>
void leaky_mask(CpuContext& context, const LeakyMaskArgs<T>& args);
template <DeviceContext Device, class T>
void leaky_mask(Device& device, const LeakyMaskArgs<T>& args);

/// The cotangents of D's patch map for the batch [real, fake, x_hat] of 3 B images with M patches
/// each: of E[D(fake)] - E[D(real)] for the first two, so -1/(B M) and 1/(B M), and 1 for x_hat,
/// whose chain yields g = dS/dx_hat.
template <class T>
struct PatchSeedsArgs {
    int64_t B, M;
    T* seeds;  ///< [3B, M]
};
template <class T>
void patch_seeds(CpuContext& context, const PatchSeedsArgs<T>& args);
template <DeviceContext Device, class T>
void patch_seeds(Device& device, const PatchSeedsArgs<T>& args);

}  // namespace sg
