#pragma once

#include <string>
#include <vector>

namespace sg::tools {

/// The arguments of sg_train (without the program's name) with the official code's spellings turned
/// into ours: --g_conv_dim is --g-conv-dim; --dataset, --celeba_image_dir, --rafd_image_dir and
/// their crop sizes become --data. Throws UsageError for official flags that have no counterpart
/// here, saying what to do instead, and for a data set that lacks its directory.
std::vector<std::string> from_official_flags(std::vector<std::string> arguments);

}  // namespace sg::tools
