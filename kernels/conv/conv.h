#pragma once

#include <cstdint>
#include <string>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"

namespace sg {

/// Extents of a 2-D convolution
///   y[n,p,q,k] = bias[k] + sum_{r,s,c} x[n, p*stride - pad + r, q*stride - pad + s, c] w[k,r,s,c]
/// with x zero outside the image. Activations are NHWC, weights KRSC (PyTorch's OIHW with I last).
/// The three passes below are closed under differentiation: each is linear in both operands, and
/// its derivative by either is one of the other two. Transposed convolution is dgrad.
struct ConvShape {
    int64_t N = 1, H = 1, W = 1, C = 1;  ///< x
    int64_t K = 1, R = 1, S = 1;         ///< w: output channels, kernel height and width
    int64_t stride = 1, pad = 0;

    int64_t P() const { return (H + 2 * pad - R) / stride + 1; }  ///< height of y
    int64_t Q() const { return (W + 2 * pad - S) / stride + 1; }  ///< width of y
    int64_t x_size() const { return N * H * W * C; }
    int64_t w_size() const { return K * R * S * C; }
    int64_t y_size() const { return N * P() * Q() * K; }
    bool operator==(const ConvShape&) const = default;
};

/// Throws Error(operation) unless every extent is positive and the kernel fits the padded image.
void check_conv_shape(const char* operation, const ConvShape& shape);
std::string to_string(const ConvShape& shape);

/// Instantiations: T = float, bf16 (products of bf16 values summed in f32) and double.
/// Out is T, or float with T = bf16. Weights and weight gradients are acc_t<T>: the f32 masters
/// are converted and laid out for the processor inside; the result of that is kept and reused
/// while `weight_version` (nonzero) stays the same for the same pointer.
/// No pass may run in place. Outputs are overwritten.

/// y = conv(x, w) + bias. `bias` may be null.
template <class T, class Out = T>
struct ConvForwardArgs {
    ConvShape shape;
    const T* x;
    const acc_t<T>* w;
    const acc_t<T>* bias = nullptr;
    Out* y;
    uint64_t weight_version = 0;
};
template <class T, class Out>
void conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args);

/// grad_x[n,h,w,c] = sum over the (p,q,r,s,k) that read x[n,h,w,c] of grad_y[n,p,q,k] w[k,r,s,c].
template <class T, class Out = T>
struct ConvDgradArgs {
    ConvShape shape;
    const T* grad_y;
    const acc_t<T>* w;
    Out* grad_x;
    uint64_t weight_version = 0;
};
template <class T, class Out>
void conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args);

/// grad_w[k,r,s,c] = sum_{n,p,q} grad_y[n,p,q,k] x[n, p*stride - pad + r, q*stride - pad + s, c].
/// The batch is summed in fixed slices in fixed order: the same bits for any number of threads.
template <class T>
struct ConvWgradArgs {
    ConvShape shape;
    const T* x;
    const T* grad_y;
    acc_t<T>* grad_w;
};
template <class T>
void conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args);

}  // namespace sg
