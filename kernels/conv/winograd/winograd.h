#pragma once

#include "kernels/conv/conv.h"
#include "kernels/conv/matrix/product.h"

// 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3) (transform.h): a quarter of the products,
// for T = float and bf16 (bf16 operands are multiplied and summed in f32). The bits depend on
// neither the number of threads nor, but for wgrad's, the other images of the batch. README.md,
// "Winograd's form".

namespace sg {

/// Whole vectors of channels on both sides.
inline bool can_winograd(const ConvShape& s) {
    return s.R == 3 && s.S == 3 && s.stride == 1 && s.C % vector_floats == 0 &&
           s.K % vector_floats == 0;
}

/// With all of the epilogue.
template <class T, class Out>
void winograd_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args);
template <class T, class Out>
void winograd_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args);
template <class T>
void winograd_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args);

}  // namespace sg
