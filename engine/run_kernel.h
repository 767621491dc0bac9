#pragma once

#include "engine/tensor.h"

namespace sg {

/// How an op calls a kernel: on the device where x lives, for x's type.
///   run_kernel(x, [&]<class T>(auto& context) {
///       unary(context, UnaryArgs<T>{..., .x = x.data<T>(), .y = y.data<T>()});
///   });
template <class Body>
void run_kernel(const Tensor& x, Body&& body) {
    x.device().run([&](auto& context) {
        dispatch(x.dtype(), [&]<class T>() { body.template operator()<T>(context); });
    });
}

/// The same for kernels that take f32 and f64 only: losses, logits, Adam. Throws Error(op) for
/// bf16.
template <class Body>
void run_master_kernel(const char* op, const Tensor& x, Body&& body) {
    require(x.dtype() != DType::bf16, op, "takes f32 or f64, got bf16");
    x.device().run([&](auto& context) {
        if (x.dtype() == DType::f32)
            body.template operator()<float>(context);
        else
            body.template operator()<double>(context);
    });
}

}  // namespace sg
