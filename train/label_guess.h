#pragma once

#include <vector>

#include "model/discriminator.h"

namespace sg {

/// The labels of one group that D's class head sees in images [N,H,W,3], made consistent: of labels
/// that exclude each other the most likely one. N x dim floats, 0 or 1.
std::vector<float> guess_labels(const Discriminator& D, int group, const Tensor& images);

}  // namespace sg
