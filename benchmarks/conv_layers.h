#pragma once

#include <string>
#include <vector>

#include "kernels/conv/conv.h"

namespace sg {

/// Names of the convolutions of the paper's networks (64 channels after the first layer, 5 labels,
/// 6 strided layers of D), in the order of the networks.
std::vector<std::string> conv_layer_names();

/// The shape of one of them. up1 and up2 are transposed convolutions: their forward pass is
/// conv_dgrad of this shape. Throws Error if there is no such layer.
ConvShape conv_layer(const std::string& name, int64_t batch, int64_t image);

}  // namespace sg
