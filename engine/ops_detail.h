#pragma once

#include "engine/ops.h"
#include "engine/run_kernel.h"

// Shared by the ops_*.cpp files; not for users of the engine.

namespace sg::detail {

inline void require_same(const char* op, const Tensor& x, const Tensor& z) {
    require(x.shape() == z.shape() && x.dtype() == z.dtype(), op,
            "operands differ: {} {} and {} {}", to_string(x.dtype()), to_string(x.shape()),
            to_string(z.dtype()), to_string(z.shape()));
}

inline void require_shape(const char* op, const char* what, const Tensor& x, const Shape& shape,
                          DType dtype) {
    require(x.shape() == shape && x.dtype() == dtype, op, "{} is {} {}, expected {} {}", what,
            to_string(x.dtype()), to_string(x.shape()), to_string(dtype), to_string(shape));
}

inline Tensor empty_like(const Tensor& x) {
    return Tensor::empty(x.device(), x.shape(), x.dtype());
}

/// Pixels of an image tensor [N, ..., C]: everything between the first and the last axis.
inline int64_t pixels(const Tensor& x) {
    return x.size() / (x.dim(0) * x.shape().back());
}

}  // namespace sg::detail
