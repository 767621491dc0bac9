#include <cmath>
#include <cstdlib>
#include <numbers>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "tests/catch.h"
#include "tests/image_samples.h"
#include "tests/temp_dir.h"
#include "train/data/image_check.h"
#include "train/data/jpeg_kernels.h"

using namespace sg;
using namespace sg::testing;

namespace {

// zlib.adler32 of the bytes.
uint32_t adler32(const std::vector<uint8_t>& bytes) {
    uint32_t low = 1, high = 0;
    for (const uint8_t byte : bytes) {
        low = (low + byte) % 65521;
        high = (high + low) % 65521;
    }
    return high << 16 | low;
}

// The definition, in double: 1/4 sum over u, v of c(u) c(v) F(v, u) cos .. cos ..
double dct_sample(const short (&f)[64], int y, int x) {
    double sum = 0.0;
    for (int v = 0; v < 8; ++v) {
        for (int u = 0; u < 8; ++u) {
            const double scale = (u == 0 ? std::sqrt(0.5) : 1.0) * (v == 0 ? std::sqrt(0.5) : 1.0);
            sum += scale * f[v * 8 + u] * std::cos((2 * x + 1) * u * std::numbers::pi / 16) *
                   std::cos((2 * y + 1) * v * std::numbers::pi / 16);
        }
    }
    return sum / 4.0 + 128.0;
}

}  // namespace

TEST_CASE("JPEG decodes to PIL's bytes", "[images]") {
    // zlib.adler32(np.asarray(Image.open(path).convert('RGB')).tobytes()), PIL 9.4
    const TempDir dir;
    const auto checksum = [&](const char* hex) {
        const Image image = read_image_file(dir.write("x.jpg", from_hex(hex)));
        REQUIRE(image.height == 9);
        REQUIRE(image.width == 11);
        return adler32(image.pixels);
    };
    CHECK(checksum(kJpeg420) == 57575878u);
    CHECK(checksum(kJpeg422) == 2484570403u);
    CHECK(checksum(kProgressiveJpeg) == 1458538776u);
    CHECK(checksum(kGreyJpeg) == 33850810u);
}

TEST_CASE("the inverse DCT is the textbook's, rounded", "[images]") {
    const Rng rng{3, RngPurpose::test, 0};
    for (int block = 0; block < 50; ++block) {
        short coefficients[64];
        for (int i = 0; i < 64; ++i) {
            const int range = i == 0 ? 800 : 120;
            coefficients[i] = short(int(rng.below(uint64_t(block * 64 + i), range)) - range / 2);
        }
        uint8_t out[8 * 9];
        jpeg_inverse_dct(out, 9, coefficients);
        for (int y = 0; y < 8; ++y) {
            for (int x = 0; x < 8; ++x) {
                const double exact = std::clamp(dct_sample(coefficients, y, x), 0.0, 255.0);
                // Half a level of rounding and a little for the 13-bit constants.
                CHECK(std::abs(out[y * 9 + x] - exact) <= 0.55);
            }
        }
    }
}

TEST_CASE("chroma upsampling weighs neighbours 3 to 1", "[images]") {
    uint8_t near[] = {0, 100, 200}, far[] = {0, 100, 200};
    std::vector<uint8_t> out(6);
    jpeg_upsample_2x1(out.data(), near, far, 3, 2);
    CHECK(out == std::vector<uint8_t>{0, 25, 75, 125, 175, 200});
    jpeg_upsample_2x2(out.data(), near, far, 3, 2);
    CHECK(out == std::vector<uint8_t>{0, 25, 75, 125, 175, 200});
    uint8_t other[] = {100, 100, 100};
    jpeg_upsample_2x2(out.data(), near, other, 3, 2);
    CHECK(out == std::vector<uint8_t>{25, 44, 81, 119, 156, 175});
    jpeg_upsample_2x2(out.data(), near, other, 2, 2);  // too short to filter
    CHECK(out == std::vector<uint8_t>{0, 0, 100, 100, 156, 175});
}

TEST_CASE("grey chroma leaves grey, extremes stay in range", "[images]") {
    const uint8_t y[] = {0, 128, 255, 255, 0}, cb[] = {128, 128, 128, 255, 0};
    const uint8_t cr[] = {128, 128, 128, 255, 0};
    std::vector<uint8_t> rgb(15);
    jpeg_ycc_to_rgb(rgb.data(), y, cb, cr, 5, 3);
    CHECK(rgb ==
          std::vector<uint8_t>{0, 0, 0, 128, 128, 128, 255, 255, 255, 255, 121, 255, 0, 135, 0});
}

TEST_CASE("a JPEG's outline is read from its markers", "[images]") {
    const auto outline = [](const std::string& text) {
        return outline_jpeg({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    };
    const std::string jpeg = from_hex(kJpeg420);
    CHECK(outline(jpeg).components == 3);
    CHECK(outline(jpeg).has_scan);
    CHECK(outline(jpeg).has_end);
    CHECK_FALSE(outline(jpeg.substr(0, jpeg.size() - 2)).has_end);
    CHECK(outline(from_hex(kCmykJpeg)).components == 4);
    CHECK(outline("no JPEG").components == 0);
    for (size_t length = 0; length < jpeg.size(); ++length) outline(jpeg.substr(0, length));
}

TEST_CASE("a JPEG with an overlong Huffman table never reaches the decoder", "[images]") {
    const TempDir dir;
    std::string jpeg = from_hex(kJpeg420);
    const size_t table = jpeg.find("\xFF\xC4");
    REQUIRE(table != std::string::npos);
    for (int i = 0; i < 2; ++i) jpeg[table + 5 + i] = '\xFF';  // 510 codes of one and two bits
    const std::string path = dir.write("x.jpg", jpeg);
    CHECK_THROWS_WITH(probe_image_file(path), mentions("a JPEG Huffman table is too long"));
    CHECK_THROWS_WITH(read_image_file(path), mentions("a JPEG Huffman table is too long"));
    CHECK_THROWS_AS(read_image_file(dir.write("y.jpg", "\xFF" + jpeg)), Error);
}
