#pragma once

#include "kernels/conv/conv.h"
#include "kernels/label_concat/label_concat.h"

namespace sg {

/// The label bias that belongs to a convolution (L does not matter once there is a table).
LabelBiasShape label_bias_shape(const ConvShape& shape);

/// Throws Error("conv_forward") if the convolution is none that a label bias can be added to.
void check_label_bias_conv(const ConvShape& shape, bool epilogue);

template <class Args>
void check_conv_forward(const Args& args) {
    check_conv_shape("conv_forward", args.shape);
    if (args.label_bias)
        check_label_bias_conv(args.shape, args.epilogue.bias || args.epilogue.more());
}

/// Throws Error for what no device kernel takes: impossible extents, tensors of 2^31 elements and
/// more, less than `needed` floats of workspace.
void check_conv_device(ConvPass pass, const ConvShape& shape, int64_t needed,
                       const float* workspace, int64_t given);

}  // namespace sg
