#pragma once

#include "engine/ops.h"

// Convolutions without history, written into tensors that the caller has: for schedules that know
// their gradients themselves. Formulas and extents are those of conv2d, conv2d_dgrad and
// conv2d_wgrad (ops.h); operands have the computing type already.

namespace sg {

/// What happens to each sum before it is stored, in this order (kernels/conv/conv.h): the bias, a
/// LeakyReLU, another LeakyReLU's derivative whose output was `mask`, and `residual` added. Both
/// have the result's shape and may be the result itself.
struct ConvFinish {
    Tensor bias = {};
    double slope = 1;
    Tensor mask = {};
    double mask_slope = 1;
    Tensor residual = {};
};

// Weights are taken as Parameters::operand gives them.

/// y = finish(conv(x, w)). x [N,H,W,C] in the computing type, y [N,P,Q,K] in it or in master type.
void conv2d_into(const Tensor& y, const Tensor& x, const Tensor& w, const ConvOptions& options,
                 const ConvFinish& finish = {});
/// grad_x = finish(dgrad(grad_y, w)).
void conv2d_dgrad_into(const Tensor& grad_x, const Tensor& grad_y, const Tensor& w,
                       const ConvOptions& options, const ConvFinish& finish = {});
/// grad_w = wgrad(x, grad_y), in master type.
void conv2d_wgrad_into(const Tensor& grad_w, const Tensor& x, const Tensor& grad_y,
                       const ConvOptions& options);

}  // namespace sg
