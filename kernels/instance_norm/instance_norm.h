#pragma once

#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"

namespace sg {

/// Instance normalisation (Ulyanov et al. 2016) of x [N, M, C], M = H*W pixels, per image n and
/// channel c, always with the statistics of the instance:
///   mean = <x>,  rstd = 1 / sqrt(<(x - mean)^2> + eps),  xh = (x - mean) rstd,
///   y = gamma xh + beta  (+ ReLU)  (+ residual).
/// <.> is the mean over the M pixels. Formulas are derived in README.md beside this file.
/// Instantiations: T = float, bf16, and on the CPU double. Statistics and parameters are acc_t<T>.
struct InstanceNormShape {
    int64_t N = 1, M = 1, C = 1;
    int64_t size() const { return N * M * C; }
};

inline constexpr double instance_norm_eps = 1e-5;

/// Elements of acc_t<T> that each of the three functions needs as workspace, on any device.
int64_t instance_norm_workspace(const InstanceNormShape& shape);
/// Throws Error(operation) for an extent below 1, or more images than a grid has rows (65535).
void check_instance_norm(const char* operation, const InstanceNormShape& shape);

/// In place (y == x) is allowed if nobody needs x afterwards. y, mean, rstd are overwritten.
template <class T>
struct InstanceNormForwardArgs {
    InstanceNormShape shape;
    const T* x;
    const acc_t<T>* gamma;        ///< [C]
    const acc_t<T>* beta;         ///< [C]
    const T* residual = nullptr;  ///< [N, M, C], added last; null for none
    bool relu = false;            ///< applied before the residual
    T* y;
    acc_t<T>* mean;  ///< [N, C]
    acc_t<T>* rstd;  ///< [N, C]
    acc_t<T>* workspace;
};
template <class T>
void instance_norm_forward(CpuContext& context, const InstanceNormForwardArgs<T>& args);
template <DeviceContext Device, class T>
void instance_norm_forward(Device& device, const InstanceNormForwardArgs<T>& args);

/// With g = grad_y where the ReLU was open, else 0:
///   grad_x = gamma rstd (g - <g> - xh <g xh>),
///   grad_gamma = sum_{n,m} g xh,  grad_beta = sum_{n,m} g.
/// The ReLU's state is recomputed from x exactly as forward computed it. grad_x may be grad_y.
/// On the way it can recompute y, for a caller that did not keep it: as forward did, bit for bit.
template <class T>
struct InstanceNormBackwardArgs {
    InstanceNormShape shape;
    const T* grad_y;
    const T* x;
    const acc_t<T>* gamma;
    const acc_t<T>* beta;
    const acc_t<T>* mean;
    const acc_t<T>* rstd;
    bool relu = false;
    T* grad_x;
    T* y = nullptr;        ///< forward's result before its residual; null: not wanted
    acc_t<T>* grad_gamma;  ///< [C]
    acc_t<T>* grad_beta;   ///< [C]
    acc_t<T>* workspace;
};
template <class T>
void instance_norm_backward(CpuContext& context, const InstanceNormBackwardArgs<T>& args);
template <DeviceContext Device, class T>
void instance_norm_backward(Device& device, const InstanceNormBackwardArgs<T>& args);

/// Derivative of backward. Given cotangents grad_grad_x of grad_x, grad_grad_gamma of grad_gamma
/// and grad_grad_beta of grad_beta (each may be null: zero), yields the cotangents of backward's
/// inputs grad_y, x and gamma (beta's is zero). With u = grad_grad_x and
/// P(w) = w - <w> - xh <w xh>,  E = <u g> - <u><g> - <u xh><g xh>:
///   grad_grad_y = mask (gamma rstd P(u) + grad_grad_gamma xh + grad_grad_beta)
///   grad_x      = -gamma rstd^2 (E xh + <g xh> P(u) + <u xh> P(g)) + grad_grad_gamma rstd P(g)
///   grad_gamma  = sum_n rstd M E
template <class T>
struct InstanceNormDoubleBackwardArgs {
    InstanceNormShape shape;
    const T* grad_grad_x = nullptr;
    const acc_t<T>* grad_grad_gamma = nullptr;
    const acc_t<T>* grad_grad_beta = nullptr;
    const T* grad_y;
    const T* x;
    const acc_t<T>* gamma;
    const acc_t<T>* beta;
    const acc_t<T>* mean;
    const acc_t<T>* rstd;
    bool relu = false;
    T* grad_grad_y;
    T* grad_x;
    acc_t<T>* grad_gamma;  ///< [C]
    acc_t<T>* workspace;
};
template <class T>
void instance_norm_double_backward(CpuContext& context,
                                   const InstanceNormDoubleBackwardArgs<T>& args);
template <DeviceContext Device, class T>
void instance_norm_double_backward(Device& device, const InstanceNormDoubleBackwardArgs<T>& args);

}  // namespace sg
