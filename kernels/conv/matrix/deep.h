#pragma once

#include "kernels/conv/conv.h"

// Convolutions with more weights than pixels, as D's last layers: 33 million weights, 64 pixels.
// What counts is to read the weights once, from where they lie; laying them out for another form,
// at every update anew, takes longer than the products.

namespace sg {

inline bool is_deep(const ConvShape& s) {
    return s.w_size() > s.x_size() + s.y_size();
}

/// Of the epilogue, bias and slope.
template <class T, class Out>
void deep_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args);
/// Without an epilogue.
template <class T, class Out>
void deep_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args);

}  // namespace sg
