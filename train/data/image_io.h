#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sg {

/// An image of 8-bit sRGB samples: rows top to bottom, R G B per pixel (HWC).
struct Image {
    int height = 0;
    int width = 0;
    std::vector<uint8_t> pixels;  ///< height * width * 3
};

/// What a file's header declares.
struct ImageInfo {
    int height = 0;
    int width = 0;
};

/// Decodes a JPEG (baseline, progressive, grey), PNG (any depth; 16-bit samples keep their high
/// byte), BMP or binary PPM/PGM. Grey is repeated to RGB, alpha is composited over white, an EXIF
/// orientation is ignored as in the official loader. Throws Error naming the file and the reason:
/// missing, empty, truncated, corrupt, CMYK, a side above 32768 or more than 2^27 pixels.
Image read_image_file(const std::string& path);

/// Reads the header only: a file that passes may still fail to decode. Throws as read_image_file.
ImageInfo probe_image_file(const std::string& path);

/// The bytes of a PNG file. Throws Error unless the image has three bytes per pixel.
std::vector<uint8_t> encode_png(const Image& image);
/// Writes to a temporary name, then renames. Throws Error naming a path that cannot be written.
void write_png(const std::string& path, const Image& image);
/// As write_png. `quality` is 1..100.
void write_jpg(const std::string& path, const Image& image, int quality = 95);

/// One NHWC image in [-1, 1] (height * width * 3 floats) to bytes, as torchvision's save_image
/// does: (x + 1) / 2 clamped to [0, 1], times 255, rounded half up. NaN becomes 0.
Image image_from_float(std::span<const float> floats, int height, int width);

}  // namespace sg
