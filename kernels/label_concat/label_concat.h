#pragma once

#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"

namespace sg {

/// Appends labels to an image as constant planes (paper, section 3.1: G's input):
///   y[n,m,c] = x[n,m,c] for c < C,  labels[n,c-C] for C <= c < C+L.
/// x [N, M, C], labels [N, L], y [N, M, C+L], M = H*W. T, Label: float, bf16, double;
/// Label is acc_t<T>. y is overwritten; not in place.
template <class T>
struct LabelConcatForwardArgs {
    int64_t N, M, C, L;
    const T* x;
    const acc_t<T>* labels;
    T* y;
};
template <class T>
void label_concat_forward(CpuContext& context, const LabelConcatForwardArgs<T>& args);

/// grad_x[n,m,c] = grad_y[n,m,c] for c < C; labels are data and get no gradient.
template <class T>
struct LabelConcatBackwardArgs {
    int64_t N, M, C, L;
    const T* grad_y;
    T* grad_x;
};
template <class T>
void label_concat_backward(CpuContext& context, const LabelConcatBackwardArgs<T>& args);

}  // namespace sg
