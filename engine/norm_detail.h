#pragma once

#include "engine/ops_detail.h"
#include "kernels/instance_norm/instance_norm.h"

// What the normalisations of ops.h and norm_into.h share.

namespace sg::detail {

inline InstanceNormShape norm_shape(const Tensor& x) {
    return {.N = x.dim(0), .M = pixels(x), .C = x.shape().back()};
}

inline Tensor norm_workspace(const Tensor& x) {
    return Tensor::empty(x.device(), {instance_norm_workspace(norm_shape(x))},
                         master_type(x.dtype()));
}

}  // namespace sg::detail
