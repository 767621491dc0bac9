#include "train/data/preprocess.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/common/error.h"

namespace sg {
namespace {

constexpr const char* kOperation = "preprocess";
constexpr int kChannels = 3;

// PIL keeps 2 spare bits and 8 bits of sample in 32, which leaves 22 for a coefficient.
constexpr int kPrecision = 32 - 8 - 2;
constexpr int32_t kHalf = 1 << (kPrecision - 1);

// Python's round(): torchvision computes a margin as int(round((side - crop) / 2.0)).
int half_to_even(int twice) {
    const int floor = twice / 2;
    return twice % 2 == 1 && floor % 2 == 1 ? floor + 1 : floor;
}

void check_image(const Image& image) {
    require(image.height > 0 && image.width > 0 &&
                image.pixels.size() == size_t(image.height) * size_t(image.width) * kChannels,
            kOperation, "image of {}x{} pixels has {} bytes, expected three a pixel", image.width,
            image.height, image.pixels.size());
}

// The first of `kept` positions out of `side`.
int first_kept(int side, int kept, const float* center) {
    if (!center) return half_to_even(side - kept);
    const double first = std::nearbyint(double(*center) + 0.5 - kept / 2.0);
    return int(std::clamp(first, 0.0, double(side - kept)));
}

Window window_around(int height, int width, int kept_height, int kept_width, const Point* center) {
    return {first_kept(height, kept_height, center ? &center->y : nullptr),
            first_kept(width, kept_width, center ? &center->x : nullptr), kept_height, kept_width};
}

Image cut(const Image& image, const Window& window) {
    check_image(image);
    const auto [top, left, height, width] = window;
    if (height == image.height && width == image.width) return image;
    Image out{height, width, std::vector<uint8_t>(size_t(height) * size_t(width) * kChannels)};
    const size_t row_bytes = size_t(width) * kChannels;
    for (int y = 0; y < height; ++y) {
        const size_t from = (size_t(top + y) * image.width + left) * kChannels;
        std::copy_n(image.pixels.begin() + from, row_bytes, out.pixels.begin() + y * row_bytes);
    }
    return out;
}

// For every output position the input positions it sees and their weights.
struct Taps {
    int stride = 0;
    std::vector<int> first, count;
    std::vector<int32_t> weights;  // stride per output position
};

Taps triangle_taps(int in, int out) {
    const double scale = double(in) / out, support = std::max(scale, 1.0);
    Taps taps;
    taps.stride = int(std::ceil(support)) * 2 + 1;
    taps.weights.resize(size_t(out) * taps.stride);
    std::vector<double> weights(taps.stride);
    for (int i = 0; i < out; ++i) {
        const double center = (i + 0.5) * scale;
        const int first = std::max(int(center - support + 0.5), 0);
        const int count = std::min(int(center + support + 0.5), in) - first;
        double sum = 0.0;
        for (int k = 0; k < count; ++k) {
            // PIL multiplies by the reciprocal; a division can differ in the last bit.
            const double x = std::abs((k + first - center + 0.5) * (1.0 / support));
            weights[k] = x < 1.0 ? 1.0 - x : 0.0;
            sum += weights[k];
        }
        for (int k = 0; k < count; ++k) {
            const double weight = sum != 0.0 ? weights[k] / sum : weights[k];
            taps.weights[size_t(i) * taps.stride + k] = int32_t(0.5 + weight * (1 << kPrecision));
        }
        taps.first.push_back(first);
        taps.count.push_back(count);
    }
    return taps;
}

uint8_t to_byte(int32_t fixed) {
    return uint8_t(std::clamp(fixed >> kPrecision, 0, 255));
}

Image resize_rows(const Image& image, int width) {
    const Taps taps = triangle_taps(image.width, width);
    Image out{image.height, width, {}};
    out.pixels.resize(size_t(image.height) * size_t(width) * kChannels);
    uint8_t* target = out.pixels.data();
    for (int y = 0; y < image.height; ++y) {
        const uint8_t* row = image.pixels.data() + size_t(y) * image.width * kChannels;
        for (int x = 0; x < width; ++x, target += kChannels) {
            const int32_t* weights = taps.weights.data() + size_t(x) * taps.stride;
            const uint8_t* source = row + size_t(taps.first[x]) * kChannels;
            int32_t sum[kChannels] = {kHalf, kHalf, kHalf};
            for (int k = 0; k < taps.count[x]; ++k, source += kChannels) {
                for (int c = 0; c < kChannels; ++c) sum[c] += source[c] * weights[k];
            }
            for (int c = 0; c < kChannels; ++c) target[c] = to_byte(sum[c]);
        }
    }
    return out;
}

Image resize_columns(const Image& image, int height) {
    const Taps taps = triangle_taps(image.height, height);
    const size_t row = size_t(image.width) * kChannels;
    Image out{height, image.width, std::vector<uint8_t>(size_t(height) * row)};
    std::vector<int32_t> sum(row);
    for (int y = 0; y < height; ++y) {
        std::fill(sum.begin(), sum.end(), kHalf);
        for (int k = 0; k < taps.count[y]; ++k) {
            const int32_t weight = taps.weights[size_t(y) * taps.stride + k];
            const uint8_t* source = image.pixels.data() + size_t(taps.first[y] + k) * row;
            for (size_t i = 0; i < row; ++i) sum[i] += source[i] * weight;
        }
        std::transform(sum.begin(), sum.end(), out.pixels.begin() + y * row, to_byte);
    }
    return out;
}

void check_size(ImageSize size) {
    require(size.height > 0 && size.width > 0, kOperation,
            "target size is {}x{} pixels, expected positive sides", size.width, size.height);
}

Window aspect_window(int height, int width, ImageSize size, const Point* center) {
    check_size(size);
    const int64_t by_height = int64_t{height} * size.width / size.height;
    const int64_t by_width = int64_t{width} * size.height / size.width;
    return window_around(height, width, int(std::clamp<int64_t>(by_width, 1, height)),
                         int(std::clamp<int64_t>(by_height, 1, width)), center);
}

}  // namespace

Window crop_window(int height, int width, int crop, const Point* center) {
    require(crop >= 0, kOperation, "crop is {} pixels, expected 0 (none) or more", crop);
    if (crop == 0) return {0, 0, height, width};
    return window_around(height, width, std::min(crop, height), std::min(crop, width), center);
}

Image center_crop(const Image& image, int crop) {
    return cut(image, crop_window(image.height, image.width, crop));
}

Image crop_to_aspect(const Image& image, ImageSize size) {
    check_image(image);
    return cut(image, aspect_window(image.height, image.width, size, nullptr));
}

Image resize_bilinear(const Image& image, ImageSize size) {
    check_image(image);
    check_size(size);
    // As in PIL, a side that keeps its length is not filtered.
    Image out = size.width == image.width ? image : resize_rows(image, size.width);
    return size.height == image.height ? out : resize_columns(out, size.height);
}

Image preprocess(const Image& image, int crop, ImageSize size, const Point* center) {
    const Window square = crop_window(image.height, image.width, crop, center);
    const Point moved =
        center ? Point{center->x - float(square.left), center->y - float(square.top)} : Point{};
    const Image cropped = cut(image, square);
    const Window window =
        aspect_window(cropped.height, cropped.width, size, center ? &moved : nullptr);
    return resize_bilinear(cut(cropped, window), size);
}

}  // namespace sg
