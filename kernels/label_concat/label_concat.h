#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"

namespace sg {

/// Labels for a convolution, as planes or as what remains of them behind it. Instantiations:
/// T = float, bf16, double (double on the CPU only). Labels, weights and sums are acc_t<T>.

/// Appends labels to an image as constant planes (paper, section 3.1: G's input):
///   y[n,m,c] = x[n,m,c] for c < C,  labels[n,c-C] for C <= c < C+L,  0 for the padding.
/// x [N, M, C], labels [N, L], y [N, M, C+L+padding], M = H*W. y is overwritten; not in place.
template <class T>
struct LabelConcatForwardArgs {
    int64_t N, M, C, L;
    const T* x;
    const acc_t<T>* labels;
    T* y;
    int64_t padding = 0;
};
template <class T>
void label_concat_forward(CpuContext& context, const LabelConcatForwardArgs<T>& args);
template <DeviceContext Device, class T>
void label_concat_forward(Device& device, const LabelConcatForwardArgs<T>& args);

/// grad_x[n,m,c] = grad_y[n,m,c] for c < C; labels are data and get no gradient.
template <class T>
struct LabelConcatBackwardArgs {
    int64_t N, M, C, L;
    const T* grad_y;  ///< [N, M, C+L+padding]
    T* grad_x;        ///< [N, M, C], overwritten
    int64_t padding = 0;
};
template <class T>
void label_concat_backward(CpuContext& context, const LabelConcatBackwardArgs<T>& args);
template <DeviceContext Device, class T>
void label_concat_backward(Device& device, const LabelConcatBackwardArgs<T>& args);

/// The factored form: a convolution of [x ; label planes] with an R x R kernel, R odd, stride 1,
/// padding p = (R-1)/2 is the convolution of x alone plus a bias that depends on the pixel's class
/// (a, b): which taps lie inside the picture. Rows and columns have R classes each:
///   A(i) = i for i < p,  p for p <= i <= H-1-p,  i - (H-R) for i > H-1-p.
/// A row of class a sees the taps r in [max(0, p-a), min(R-1, R-1+p-a)]; by symmetry, tap r is seen
/// by the classes a in [max(0, p-r), min(R-1, R-1+p-r)].
struct LabelBiasShape {
    int64_t N, H, W, K, L, R;  ///< K: the convolution's output channels

    int64_t p() const { return (R - 1) / 2; }
    int64_t table_size() const { return N * R * R * K; }
};

/// Throws Error(operation) unless all extents are positive, R is odd, H >= R and W >= R.
void check_label_bias(const char* operation, const LabelBiasShape& shape);

/// table[n,a,b,k] = sum_j labels[n,j] sum over the taps (r,s) seen from (a,b) of w[k,r,s,j].
/// The weights of all labels for tap (r,s) and channel k start at w + ((k*R + r)*R + s)*w_stride:
/// with whole weights [K,R,R,C+L] that is w = weights + C, w_stride = C+L. A = float, double.
template <class A>
struct LabelBiasTableArgs {
    LabelBiasShape shape;
    const A* labels;  ///< [N, L]
    const A* w;
    int64_t w_stride;
    A* table;  ///< [N, R, R, K], overwritten
};
template <class A>
void label_bias_table(CpuContext& context, const LabelBiasTableArgs<A>& args);
template <DeviceContext Device, class A>
void label_bias_table(Device& device, const LabelBiasTableArgs<A>& args);

/// y[n,h,w,k] += table[n,A(h),A(w),k] - (relative ? table[n,p,p,k] : 0).
/// With `relative` only the frame of p pixels is touched. This is allowed in front of an instance
/// norm, which removes a constant per (n,k).
template <class T>
struct LabelBiasForwardArgs {
    LabelBiasShape shape;
    const acc_t<T>* table;  ///< [N, R, R, K]
    bool relative = false;
    T* y;  ///< [N, H, W, K]
};
template <class T>
void label_bias_forward(CpuContext& context, const LabelBiasForwardArgs<T>& args);
template <DeviceContext Device, class T>
void label_bias_forward(Device& device, const LabelBiasForwardArgs<T>& args);

/// With D[n,a,b,k] = the sum of grad_y over the pixels of class (a,b):
///   grad_w[k,r,s,j] = sum_n labels[n,j] sum over the classes (a,b) that see (r,s) of D[n,a,b,k].
/// With `relative`, D[n,p,p,k] is minus the sum of the other classes, so only the frame is read:
/// true behind an instance norm's backward, whose output sums to zero per (n,k).
template <class T>
struct LabelBiasBackwardArgs {
    LabelBiasShape shape;
    const T* grad_y;         ///< [N, H, W, K]
    const acc_t<T>* labels;  ///< [N, L]
    bool relative = false;
    acc_t<T>* grad_w;  ///< overwritten, in the layout of the table's w; what lies between is kept
    int64_t w_stride;
    acc_t<T>* workspace;  ///< label_bias_workspace(shape) elements, the same on all devices
};
int64_t label_bias_workspace(const LabelBiasShape& shape);
template <class T>
void label_bias_backward(CpuContext& context, const LabelBiasBackwardArgs<T>& args);
template <DeviceContext Device, class T>
void label_bias_backward(Device& device, const LabelBiasBackwardArgs<T>& args);

}  // namespace sg
