#pragma once

#include <cstdint>

namespace sg {

// The arithmetic of libjpeg(-turbo), bit for bit. stb_image rounds differently, by up to 3 levels a
// pixel; with these four in their place a JPEG decodes as it does in PIL, hence as in the official
// training. Exact for grey, 4:4:4, 4:2:2 and 4:2:0 files, all that cameras and editors write.

/// Inverse DCT of dequantised coefficients (row major) to 8x8 samples `stride` bytes apart: the
/// "slow integer" method of Loeffler, Ligtenberg and Moschytz (ICASSP 1989), 13-bit constants.
void jpeg_inverse_dct(uint8_t* out, int stride, short coefficients[64]);

/// "Fancy" upsampling of one row of `width` chroma samples to 2 * width, weights 3 1. Returns
/// `out`. Of the last arguments, stb_image's, only `width` is used.
uint8_t* jpeg_upsample_2x1(uint8_t* out, uint8_t* row, uint8_t*, int width, int);

/// "Fancy" 2x2 upsampling of one row of `width` chroma samples to 2 * width: weights 9 3 3 1 over
/// the nearer and the farther row. Returns `out`. The last argument is stb_image's, unused.
uint8_t* jpeg_upsample_2x2(uint8_t* out, uint8_t* near, uint8_t* far, int width, int);

/// `count` pixels of YCbCr (JFIF) to RGB, `step` bytes apart in `out`.
void jpeg_ycc_to_rgb(uint8_t* out, const uint8_t* y, const uint8_t* cb, const uint8_t* cr,
                     int count, int step);

/// As stbi_load_from_memory for a JPEG, with the kernels above. 1 or 3 channels; free the result
/// with stbi_image_free. Null with stbi_failure_reason() set if it cannot be decoded.
uint8_t* load_jpeg(const uint8_t* bytes, int length, int* width, int* height, int* channels);

}  // namespace sg
