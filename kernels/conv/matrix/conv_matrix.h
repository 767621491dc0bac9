#pragma once

#include "kernels/conv/conv.h"

// The CPU's convolution without a library: each pass as a product of gathered rows with the weights
// laid out in panels (README.md). For T = float and bf16; bf16 values are multiplied and summed in
// f32. The bits depend neither on the number of threads nor on what else is computed.

namespace sg {

/// Of the epilogue, bias and slope.
template <class T, class Out>
void matrix_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args);
/// Without an epilogue.
template <class T, class Out>
void matrix_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args);
template <class T>
void matrix_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args);

}  // namespace sg
