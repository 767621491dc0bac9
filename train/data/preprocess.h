#pragma once

#include "train/data/dataset.h"
#include "train/data/image_io.h"

namespace sg {

// The official order is flip, centre crop, resize, [-1, 1]. Here the flip comes last, so that the
// resized image can be kept; the two agree but for one pixel of shift where (side - crop) is odd.

/// The centred crop x crop square, with torchvision's rounding of the margins (half to even).
/// crop 0 keeps the image. A side shorter than `crop` is kept whole, where torchvision would pad
/// with black: a black frame is not something a face generator should learn.
Image center_crop(const Image& image, int crop);

/// The largest centred rectangle of the aspect ratio of `size`; same rounding.
Image crop_to_aspect(const Image& image, ImageSize size);

/// PIL's Image.resize(BILINEAR), bit for bit: a triangle filter widened by the scale (antialiased),
/// rows first, then columns, 8 bits in between, coefficients in fixed point.
Image resize_bilinear(const Image& image, ImageSize size);

/// center_crop, crop_to_aspect, resize_bilinear: what training sees of a decoded image. For square
/// sizes this is torchvision's CenterCrop(crop), Resize(size).
Image preprocess(const Image& image, int crop, ImageSize size);

}  // namespace sg
