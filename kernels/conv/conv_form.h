#pragma once

#include "kernels/conv/conv_shape.h"

namespace sg {

/// Ways to compute a convolution, in the operands' own arithmetic unless it says otherwise.
enum class ConvForm {
    automatic,  ///< CPU: conv_form(); device: whoever was chosen (choice/)
    own,        ///< the project's own kernels
    winograd,   ///< CPU, 3x3 of stride 1, 4x4 of stride 2: fewer products (winograd/); else `own`
    library,    ///< CPU: oneDNN, where the build has it, else `own`
    widened     ///< CPU, bf16: oneDNN on operands widened to f32
};

/// What the CPU takes for a pass: by shape and processor alone, so that a machine gives the same
/// bits in every run (README.md, "The CPU kernels", has the times behind it).
ConvForm conv_form(ConvPass pass, const ConvShape& shape, bool bf16);

}  // namespace sg
