#pragma once

#include "kernels/conv/conv.h"

// Convolutions with many weights for few pixels, as D's last layer: 33 million weights, 4 pixels an
// image. What counts is to read the weights once, from where they lie; laying them out for another
// form, at every update anew, takes longer than the products.

namespace sg {

/// By image, so that what becomes of one does not depend on the others of its batch.
inline bool is_deep(const ConvShape& s) {
    constexpr int64_t many = 256;
    return s.w_size() > many * ((s.x_size() + s.y_size()) / s.N);
}

/// Of the epilogue, bias and slope.
template <class T, class Out>
void deep_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args);
/// Without an epilogue.
template <class T, class Out>
void deep_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args);

}  // namespace sg
