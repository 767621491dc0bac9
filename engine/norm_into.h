#pragma once

#include "engine/ops.h"

// Instance normalisation without history, into tensors that the caller has: for schedules that know
// their gradients themselves. Formulas: kernels/instance_norm/instance_norm.h.

namespace sg {

/// What forward leaves for backward, [N, C] each in master type.
struct NormStatistics {
    Tensor mean, rstd;
};

/// y = instance_norm(x); y may be x.
NormStatistics instance_norm_into(const Tensor& y, const Tensor& x, const Tensor& gamma,
                                  const Tensor& beta, const InstanceNormOptions& options = {});

/// Gradients [C] by gamma and beta.
struct NormGradients {
    Tensor gamma, beta;
};

/// grad_x = the gradient by x, and may be grad_y. `y`, if given, is overwritten with forward's
/// result (before its residual), for a caller that did not keep it.
NormGradients instance_norm_backward_into(const Tensor& grad_x, const Tensor& grad_y,
                                          const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                          const NormStatistics& saved, bool relu,
                                          const Tensor& y = {});

}  // namespace sg
