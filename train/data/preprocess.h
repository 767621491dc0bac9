#pragma once

#include "train/data/dataset.h"
#include "train/data/image_io.h"

namespace sg {

// The official order is flip, centre crop, resize, [-1, 1]. Here the flip comes last, so that the
// resized image can be kept; the two agree but for one pixel of shift where (side - crop) is odd.

/// A point of an image in pixels; (0, 0) is the middle of the top left one.
struct Point {
    float x = 0, y = 0;
};

/// A rectangle of an image in pixels.
struct Window {
    int top = 0, left = 0, height = 0, width = 0;
};

/// What a crop x crop square leaves of an image (crop 0: all): centred as center_crop says, or in
/// the middle around `center`, but moved into the image where it would reach beyond.
Window crop_window(int height, int width, int crop, const Point* center = nullptr);

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
/// sizes this is torchvision's CenterCrop(crop), Resize(size). With `center` both crops lie around
/// it, as far as the image reaches (crop_window).
Image preprocess(const Image& image, int crop, ImageSize size, const Point* center = nullptr);

}  // namespace sg
