#pragma once

#include <vector>

#include "kernels/image/image.h"
#include "train/data/image_io.h"

namespace sg::testing {

/// The values in [-1, 1] that the networks see of `image`.
inline std::vector<float> floats_of(const Image& image, bool mirrored = false) {
    CpuContext context(1);
    const uint8_t flip = mirrored;
    std::vector<float> floats(image.pixels.size());
    image_to_tensor(context, ImageToTensorArgs<float>{.N = 1,
                                                      .H = image.height,
                                                      .W = image.width,
                                                      .C = 3,
                                                      .C_out = 3,
                                                      .images = image.pixels.data(),
                                                      .flip = &flip,
                                                      .y = floats.data()});
    return floats;
}

}  // namespace sg::testing
