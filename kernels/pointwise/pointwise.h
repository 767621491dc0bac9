#pragma once

#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"

namespace sg {

/// Elementwise kernels. Instantiations: T = float, bf16, double (bf16 is computed in f32; double on
/// the CPU only).
/// y may be x (or either operand); y is overwritten.

enum class Unary {
    affine,      ///< a x + b
    leaky_relu,  ///< x if x > 0 else a x; a = 0 is ReLU
    tanh,
    sigmoid,     ///< 1 / (1 + exp(-x))
    softplus,    ///< log(1 + exp(x)), computed without overflow
    sign,        ///< -1, 0 or 1
    reciprocal,  ///< 1/x, and 0 for x = 0 (a zero gradient norm has no direction)
    sqrt,
};
template <class T>
struct UnaryArgs {
    Unary op;
    int64_t count;
    const T* x;
    T* y;
    double a = 1, b = 0;
};
template <class T>
void unary(CpuContext& context, const UnaryArgs<T>& args);
template <DeviceContext Device, class T>
void unary(Device& device, const UnaryArgs<T>& args);

/// Up to second order, tanh_backward, multiply with a = -2 and leaky_relu_backward are all that the
/// derivatives of ReLU, LeakyReLU and tanh consist of: tanh'' = -2 y (1 - y^2), and the others'
/// slope is constant almost everywhere.
enum class Binary {
    add,                  ///< a x + b z
    multiply,             ///< a x z
    leaky_relu_backward,  ///< x if z > 0 else a x: x = grad_y, z = the forward's input or output
    tanh_backward,        ///< x (1 - z^2): x = grad_y, z = tanh's output
};
template <class T>
struct BinaryArgs {
    Binary op;
    int64_t count;
    const T* x;
    const T* z;
    T* y;
    double a = 1, b = 1;
};
template <class T>
void binary(CpuContext& context, const BinaryArgs<T>& args);
template <DeviceContext Device, class T>
void binary(Device& device, const BinaryArgs<T>& args);

/// y[i] = value, rounded to T.
template <class T>
struct FillArgs {
    int64_t count;
    double value;
    T* y;
};
template <class T>
void fill(CpuContext& context, const FillArgs<T>& args);
template <DeviceContext Device, class T>
void fill(Device& device, const FillArgs<T>& args);

/// y[i] = From(x[i]) as To, rounded to nearest even where To is narrower. Not in place.
template <class From, class To>
struct CastArgs {
    int64_t count;
    const From* x;
    To* y;
};
template <class From, class To>
void cast(CpuContext& context, const CastArgs<From, To>& args);
template <DeviceContext Device, class From, class To>
void cast(Device& device, const CastArgs<From, To>& args);

/// y[n,m] = x[n,m] s[n]: one factor per image. s is acc_t<T>; rows = 1 scales by one scalar.
template <class T>
struct ScaleRowsArgs {
    int64_t rows, columns;
    const T* x;
    const acc_t<T>* s;
    T* y;
};
template <class T>
void scale_rows(CpuContext& context, const ScaleRowsArgs<T>& args);
template <DeviceContext Device, class T>
void scale_rows(Device& device, const ScaleRowsArgs<T>& args);

/// The adjoints of the sums in reduce.h: y[r,c] = s[r] (broadcast_rows) or s[c]
/// (broadcast_channels), y [rows, columns].
template <class T>
struct BroadcastArgs {
    int64_t rows, columns;
    const acc_t<T>* s;
    T* y;
};
template <class T>
void broadcast_rows(CpuContext& context, const BroadcastArgs<T>& args);
template <DeviceContext Device, class T>
void broadcast_rows(Device& device, const BroadcastArgs<T>& args);
template <class T>
void broadcast_channels(CpuContext& context, const BroadcastArgs<T>& args);
template <DeviceContext Device, class T>
void broadcast_channels(Device& device, const BroadcastArgs<T>& args);

/// y[a,c,b] = x[a,b,c], all of `outer` blocks: NCHW -> NHWC is outer N, rows C, columns H*W; the
/// way back is rows H*W, columns C. Not in place.
template <class T>
struct TransposeArgs {
    int64_t outer, rows, columns;
    const T* x;
    T* y;
};
template <class T>
void transpose(CpuContext& context, const TransposeArgs<T>& args);
template <DeviceContext Device, class T>
void transpose(Device& device, const TransposeArgs<T>& args);

}  // namespace sg
