#include "train/data/image_io.h"

#include <fmt/format.h>
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "engine/atomic_file.h"
#include "kernels/common/error.h"
#include "train/data/files.h"
#include "train/data/image_check.h"
#include "train/data/jpeg_kernels.h"

namespace sg {
namespace {

constexpr const char* kOperation = "image";
constexpr int kMaxSide = 32768;
constexpr int64_t kMaxPixels = int64_t{1} << 27;
constexpr int64_t kMaxFileBytes = int64_t{1} << 30;  // stb_image counts bytes in an int
constexpr int64_t kProbeBytes = int64_t{1} << 16;    // enough for the header of most files

using Bytes = std::vector<uint8_t>;

[[noreturn]] void refuse(const std::string& path, const std::string& reason,
                         const std::string& hint = {}) {
    throw Error(kOperation, fmt::format("{}: {}", path, reason), hint);
}

// Before stb_image sees them: it would write past the end of a table.
void check_jpeg(const std::string& path, const Bytes& bytes) {
    const JpegOutline outline = outline_jpeg(bytes);
    if (outline.bad_table) refuse(path, "is corrupt: a JPEG Huffman table is too long");
    if (outline.components != 4) return;
    refuse(path, "is a CMYK JPEG (4 colour components), expected RGB or grey", "convert it to RGB");
}

bool parse_header(const std::string& path, const Bytes& bytes, ImageInfo& info) {
    if (bytes.empty()) refuse(path, "the file is empty");
    if (is_jpeg(bytes)) check_jpeg(path, bytes);
    int channels = 0;
    return stbi_info_from_memory(bytes.data(), int(bytes.size()), &info.width, &info.height,
                                 &channels) != 0;
}

ImageInfo check_header(const std::string& path, const Bytes& bytes) {
    ImageInfo info;
    if (!parse_header(path, bytes, info)) {
        refuse(path, fmt::format("cannot be decoded: {}", stbi_failure_reason()));
    }
    const int64_t pixels = int64_t{info.width} * info.height;
    if (info.width < 1 || info.height < 1 || std::max(info.width, info.height) > kMaxSide ||
        pixels > kMaxPixels) {
        refuse(path, fmt::format("declares {}x{} pixels, expected sides of 1 to {} and at most {} "
                                 "pixels",
                                 info.width, info.height, kMaxSide, kMaxPixels));
    }
    return info;
}

using Pixels = std::unique_ptr<stbi_uc, void (*)(void*)>;

Pixels decode(const Bytes& bytes, int* width, int* height, int* channels) {
    const int length = int(bytes.size());
    stbi_uc* pixels = is_jpeg(bytes)
                          ? load_jpeg(bytes.data(), length, width, height, channels)
                          : stbi_load_from_memory(bytes.data(), length, width, height, channels, 0);
    return {pixels, &stbi_image_free};
}

// 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.
void expand_to_rgb(const uint8_t* source, int channels, std::vector<uint8_t>& rgb) {
    const bool grey = channels <= 2, alpha = channels == 2 || channels == 4;
    const size_t count = rgb.size() / 3;
    for (size_t i = 0; i < count; ++i, source += channels) {
        const int opacity = alpha ? source[channels - 1] : 255;
        for (int c = 0; c < 3; ++c) {
            const int value = source[grey ? 0 : c];
            rgb[i * 3 + c] = uint8_t((value * opacity + 255 * (255 - opacity) + 127) / 255);
        }
    }
}

void check_pixels(const std::string& path, const Image& image) {
    require(image.height > 0 && image.width > 0 &&
                image.pixels.size() == size_t(image.height) * size_t(image.width) * 3,
            kOperation, "{}: {}x{} pixels need three bytes each, found {} bytes", path, image.width,
            image.height, image.pixels.size());
}

void append(void* context, void* data, int size) {
    auto& bytes = *static_cast<Bytes*>(context);
    const auto* begin = static_cast<const uint8_t*>(data);
    bytes.insert(bytes.end(), begin, begin + size);
}

}  // namespace

Image read_image_file(const std::string& path) {
    const Bytes bytes = read_file(kOperation, path, kMaxFileBytes);
    const ImageInfo info = check_header(path, bytes);
    if (const std::string damage = find_damage(bytes); !damage.empty()) refuse(path, damage);

    int width = 0, height = 0, channels = 0;
    const Pixels data = decode(bytes, &width, &height, &channels);
    if (!data) refuse(path, fmt::format("cannot be decoded: {}", stbi_failure_reason()));
    if (width != info.width || height != info.height) {
        refuse(path, fmt::format("is corrupt: header says {}x{} pixels, data has {}x{}", info.width,
                                 info.height, width, height));
    }
    Image image{height, width, std::vector<uint8_t>(size_t(height) * size_t(width) * 3)};
    if (channels == 3) {
        std::copy_n(data.get(), image.pixels.size(), image.pixels.begin());
    } else {
        expand_to_rgb(data.get(), channels, image.pixels);
    }
    return image;
}

ImageInfo probe_image_file(const std::string& path) {
    Bytes bytes = read_file_start(kOperation, path, kProbeBytes);
    ImageInfo info;
    // A large colour profile or thumbnail can push the header further back.
    if (int64_t(bytes.size()) == kProbeBytes && !parse_header(path, bytes, info)) {
        bytes = read_file(kOperation, path, kMaxFileBytes);
    }
    return check_header(path, bytes);
}

std::vector<uint8_t> encode_png(const Image& image) {
    check_pixels("PNG", image);
    Bytes bytes;
    const int good = stbi_write_png_to_func(&append, &bytes, image.width, image.height, 3,
                                            image.pixels.data(), image.width * 3);
    require(good != 0, kOperation, "{}x{} pixels cannot be encoded as PNG", image.width,
            image.height);
    return bytes;
}

void write_png(const std::string& path, const Image& image) {
    check_pixels(path, image);
    const Bytes bytes = encode_png(image);
    write_file_atomically(path, std::string(bytes.begin(), bytes.end()));
}

void write_jpg(const std::string& path, const Image& image, int quality) {
    check_pixels(path, image);
    require(quality >= 1 && quality <= 100, kOperation, "JPEG quality is {}, expected 1 to 100",
            quality);
    Bytes bytes;
    const int good = stbi_write_jpg_to_func(&append, &bytes, image.width, image.height, 3,
                                            image.pixels.data(), quality);
    require(good != 0, kOperation, "{}: cannot be encoded as JPEG", path);
    write_file_atomically(path, std::string(bytes.begin(), bytes.end()));
}

Image image_from_float(std::span<const float> floats, int height, int width) {
    require(height > 0 && width > 0 && floats.size() == size_t(height) * size_t(width) * 3,
            kOperation, "{} floats given, {}x{} RGB pixels expected", floats.size(), width, height);
    Image image{height, width, std::vector<uint8_t>(floats.size())};
    for (size_t i = 0; i < floats.size(); ++i) {
        const float unit = (floats[i] + 1.0f) * 0.5f;
        // The negated comparison sends NaN to 0: converting it to an integer is undefined.
        const float clamped = !(unit > 0.0f) ? 0.0f : std::min(unit, 1.0f);
        image.pixels[i] = uint8_t(std::floor(clamped * 255.0f + 0.5f));
    }
    return image;
}

}  // namespace sg
