#include "train/data/jpeg_kernels.h"

#include <algorithm>

namespace sg {
namespace {

constexpr int kConstBits = 13;  // fraction of the DCT's constants
constexpr int kPassBits = 2;    // fraction kept between the two passes
constexpr int kColourBits = 16;

constexpr int64_t fixed(double value, int bits) {
    return int64_t(value * double(int64_t{1} << bits) + 0.5);
}
constexpr int64_t dct(double value) {
    return fixed(value, kConstBits);
}
constexpr int64_t colour(double value) {
    return fixed(value, kColourBits);
}
constexpr int64_t kColourHalf = int64_t{1} << (kColourBits - 1);

uint8_t clamp_byte(int64_t value) {
    return uint8_t(std::clamp<int64_t>(value, 0, 255));
}

// One 8-point inverse DCT, scaled by 2^kConstBits * sqrt(8). 64 bits, as damaged files overflow 32.
void inverse_dct_8(const int64_t (&in)[8], int64_t (&out)[8]) {
    const int64_t e = (in[2] + in[6]) * dct(0.541196100);
    const int64_t e2 = e - in[6] * dct(1.847759065), e3 = e + in[2] * dct(0.765366865);
    const int64_t sum = (in[0] + in[4]) * (1 << kConstBits);
    const int64_t difference = (in[0] - in[4]) * (1 << kConstBits);
    const int64_t even[4] = {sum + e3, difference + e2, difference - e2, sum - e3};

    const int64_t common = (in[7] + in[3] + in[5] + in[1]) * dct(1.175875602);
    const int64_t z1 = -(in[7] + in[1]) * dct(0.899976223);
    const int64_t z2 = -(in[5] + in[3]) * dct(2.562915447);
    const int64_t z3 = common - (in[7] + in[3]) * dct(1.961570560);
    const int64_t z4 = common - (in[5] + in[1]) * dct(0.390180644);
    const int64_t odd[4] = {in[1] * dct(1.501321110) + z1 + z4, in[3] * dct(3.072711026) + z2 + z3,
                            in[5] * dct(2.053119869) + z2 + z4, in[7] * dct(0.298631336) + z1 + z3};
    for (int i = 0; i < 4; ++i) {
        out[i] = even[i] + odd[i];
        out[7 - i] = even[i] - odd[i];
    }
}

// libjpeg does not filter rows of one or two samples.
uint8_t* repeat(uint8_t* out, const uint8_t* row, int width) {
    for (int i = 0; i < width; ++i) out[2 * i] = out[2 * i + 1] = row[i];
    return out;
}

int64_t round_shift(int64_t value, int bits) {
    return (value + (int64_t{1} << (bits - 1))) >> bits;
}

}  // namespace

void jpeg_inverse_dct(uint8_t* out, int stride, short coefficients[64]) {
    int64_t work[64], line[8], result[8];
    for (int x = 0; x < 8; ++x) {
        for (int y = 0; y < 8; ++y) line[y] = coefficients[y * 8 + x];
        inverse_dct_8(line, result);
        for (int y = 0; y < 8; ++y) {
            work[y * 8 + x] = round_shift(result[y], kConstBits - kPassBits);
        }
    }
    for (int y = 0; y < 8; ++y) {
        std::copy_n(work + y * 8, 8, line);
        inverse_dct_8(line, result);
        for (int x = 0; x < 8; ++x) {
            // The scale sqrt(8) of either pass makes the last 3 bits.
            const int64_t sample = round_shift(result[x], kConstBits + kPassBits + 3);
            out[y * stride + x] = clamp_byte(sample + 128);
        }
    }
}

uint8_t* jpeg_upsample_2x1(uint8_t* out, uint8_t* row, uint8_t*, int width, int) {
    if (width <= 2) return repeat(out, row, width);
    for (int i = 0; i < width; ++i) {
        const int left = row[std::max(i - 1, 0)], right = row[std::min(i + 1, width - 1)];
        out[2 * i] = uint8_t((3 * row[i] + left + 1) >> 2);
        out[2 * i + 1] = uint8_t((3 * row[i] + right + 2) >> 2);
    }
    return out;
}

uint8_t* jpeg_upsample_2x2(uint8_t* out, uint8_t* near, uint8_t* far, int width, int) {
    if (width <= 2) return repeat(out, near, width);
    const auto column = [&](int i) {
        i = std::min(i, width - 1);
        return 3 * near[i] + far[i];
    };
    int previous = column(0), current = previous;
    for (int i = 0; i < width; ++i) {
        const int next = column(i + 1);
        // 8 and 7 in turn, or the picture would brighten.
        out[2 * i] = uint8_t((3 * current + previous + 8) >> 4);
        out[2 * i + 1] = uint8_t((3 * current + next + 7) >> 4);
        previous = current;
        current = next;
    }
    return out;
}

void jpeg_ycc_to_rgb(uint8_t* out, const uint8_t* y, const uint8_t* cb, const uint8_t* cr,
                     int count, int step) {
    for (int i = 0; i < count; ++i, out += step) {
        const int64_t blue = cb[i] - 128, red = cr[i] - 128;
        const int64_t green = -colour(0.34414) * blue - colour(0.71414) * red;
        out[0] = clamp_byte(y[i] + ((colour(1.40200) * red + kColourHalf) >> kColourBits));
        out[1] = clamp_byte(y[i] + ((green + kColourHalf) >> kColourBits));
        out[2] = clamp_byte(y[i] + ((colour(1.77200) * blue + kColourHalf) >> kColourBits));
    }
}

}  // namespace sg
