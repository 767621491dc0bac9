// The one translation unit that holds the code of stb_image and stb_image_write.
#include <cstring>

#include "train/data/jpeg_kernels.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

// Formats that tell themselves by a signature. TGA has none: any text file could pass for one.
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_PNM
#define STBI_NO_STDIO
#define STBI_FAILURE_USERMSG
#define STB_IMAGE_IMPLEMENTATION
// Exchanges stb_image's 2x1 chroma filter, which errs in the last columns. The macro has arguments:
// it renames the definition and leaves the name alone where stb_image takes its address.
static constexpr auto* stbi__resample_row_h_2 = &sg::jpeg_upsample_2x1;
#define stbi__resample_row_h_2(...) stbi__unused_row_h_2(__VA_ARGS__)
#include <stb/stb_image.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

#pragma GCC diagnostic pop

namespace sg {

// stbi__jpeg_load with the other kernels exchanged, which stb_image keeps as function pointers.
uint8_t* load_jpeg(const uint8_t* bytes, int length, int* width, int* height, int* channels) {
    auto* decoder = static_cast<stbi__jpeg*>(stbi__malloc(sizeof(stbi__jpeg)));
    if (decoder == nullptr) return stbi__errpuc("outofmem", "Out of memory");
    std::memset(decoder, 0, sizeof(stbi__jpeg));
    stbi__context context;
    stbi__start_mem(&context, bytes, length);
    decoder->s = &context;
    stbi__setup_jpeg(decoder);
    decoder->idct_block_kernel = &jpeg_inverse_dct;
    decoder->resample_row_hv_2_kernel = &jpeg_upsample_2x2;
    decoder->YCbCr_to_RGB_kernel = &jpeg_ycc_to_rgb;
    uint8_t* pixels = load_jpeg_image(decoder, width, height, channels, 0);
    STBI_FREE(decoder);
    return pixels;
}

}  // namespace sg
