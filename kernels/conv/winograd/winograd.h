#pragma once

#include "kernels/conv/conv.h"
#include "kernels/conv/matrix/product.h"

// Convolutions by Winograd's method (transform.h, tiles.h): 3x3 of stride 1 with a quarter of the
// products, 4x4 of stride 2 with two fifths, for T = float and bf16 (bf16 operands are multiplied
// and summed in f32). The bits depend on neither the number of threads nor, but for wgrad's, the
// other images of the batch. README.md, "Winograd's form".

namespace sg {

inline bool can_winograd(const ConvShape& s) {
    const bool kernel = s.R == s.S && ((s.R == 3 && s.stride == 1) || (s.R == 4 && s.stride == 2));
    return kernel && s.C % vector_floats == 0 && s.K % vector_floats == 0;
}

/// With all of the epilogue.
template <class T, class Out>
void winograd_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args);
template <class T, class Out>
void winograd_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args);
template <class T>
void winograd_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args);

}  // namespace sg
