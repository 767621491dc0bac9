#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "kernels/common/error.h"
#include "tests/catch.h"
#include "tests/floats_of.h"
#include "tests/image_samples.h"
#include "tests/temp_dir.h"
#include "train/data/image_io.h"
#include "train/data/preprocess.h"

using namespace sg;
using namespace sg::testing;

namespace {

int largest_difference(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
    if (a.size() != b.size()) return 256;
    int largest = 0;
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
}

}  // namespace

TEST_CASE("PNG keeps every byte, JPEG nearly", "[images]") {
    const TempDir dir;
    const Image image = pattern_image(13, 9);
    const std::string png = dir.file("ünï code.png");
    write_png(png, image);
    CHECK(read_image_file(png).pixels == image.pixels);
    CHECK(probe_image_file(png).height == 13);
    CHECK(probe_image_file(png).width == 9);

    const Image flat{5, 7, std::vector<uint8_t>(5 * 7 * 3, 90)};
    write_jpg(dir.file("flat.jpg"), flat);
    CHECK(largest_difference(read_image_file(dir.file("flat.jpg")).pixels, flat.pixels) <= 1);
    // Only the two files are left: the temporary ones were renamed.
    const std::filesystem::directory_iterator files(dir.path());
    CHECK(std::distance(begin(files), end(files)) == 2);
}

TEST_CASE("a path that cannot be written is named", "[images]") {
    const TempDir dir;
    const std::string path = dir.path() + "/missing/x.png";
    CHECK_THROWS_WITH(write_png(path, pattern_image(2, 2)),
                      "file: " + path + ": cannot create: No such file or directory");
    std::filesystem::create_directories(dir.path() + "/taken.png/inside");
    CHECK_THROWS_WITH(write_png(dir.path() + "/taken.png", pattern_image(2, 2)),
                      mentions("taken.png: is not a regular file"));
    CHECK_THROWS_WITH(write_png(dir.file("y.png"), Image{2, 2, {1, 2, 3}}),
                      mentions("found 3 bytes"));
    CHECK_THROWS_WITH(write_jpg(dir.file("y.jpg"), pattern_image(2, 2), 0),
                      mentions("quality is 0"));
    const std::filesystem::directory_iterator files(dir.path());
    CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("PNG with alpha lies on white, 16 bits keep their high byte", "[images]") {
    const TempDir dir;
    const auto pixels = [&](const char* hex) {
        return read_image_file(dir.write("x.png", from_hex(hex))).pixels;
    };
    CHECK(pixels(kAlphaPng) == std::vector<uint8_t>{10, 20, 30, 255, 255, 255, 244, 224, 204});
    CHECK(pixels(kPalettePng) == std::vector<uint8_t>{255, 0, 0, 255, 255, 255});
    CHECK(pixels(kDeepPng) == std::vector<uint8_t>{0x12, 0x56, 0x9a, 0xff, 0, 0x80});
}

TEST_CASE("damaged files are refused by name and reason", "[images]") {
    const TempDir dir;
    const auto refused = [&](const std::string& content, const std::string& reason) {
        const std::string path = dir.write("broken.img", content);
        CHECK_THROWS_WITH(read_image_file(path), mentions("image: " + path + ": " + reason));
    };
    refused("", "the file is empty");
    refused("not an image at all", "cannot be decoded: Image not of any known type, or corrupt");
    refused(from_hex(kCmykJpeg), "is a CMYK JPEG (4 colour components), expected RGB or grey");

    write_jpg(dir.file("good.jpg"), pattern_image(40, 30));
    write_png(dir.file("good.png"), pattern_image(40, 30));
    const std::string jpg = read_text(dir.file("good.jpg")), png = read_text(dir.file("good.png"));
    refused(jpg.substr(0, jpg.size() / 2), "is truncated: JPEG data ends before its end marker");
    refused(jpg.substr(0, 100), "cannot be decoded");
    refused(png.substr(0, png.size() - 20), "is truncated: PNG data ends before its IEND chunk");
    std::string flipped = png;
    flipped[png.size() / 2] ^= 1;
    refused(flipped, "is corrupt: checksum mismatch in PNG chunk IDAT");
    refused("P6 4 4 255\nabc", "is truncated: 3 bytes of samples, expected 48");
    refused("P6 40000 1 255\nabc", "declares 40000x1 pixels");
    refused("P6 20000 20000 255\nabc", "declares 20000x20000 pixels");

    CHECK_THROWS_WITH(read_image_file(dir.path() + "/none.jpg"),
                      "image: " + dir.path() + "/none.jpg: no such file");
    CHECK_THROWS_WITH(probe_image_file(dir.path()), mentions("is not a regular file"));
    CHECK_THROWS_WITH(probe_image_file(dir.write("e.png", "")),
                      mentions("e.png: the file is empty"));
    CHECK_THROWS_AS(probe_image_file(dir.write("c.jpg", from_hex(kCmykJpeg))), Error);
}

TEST_CASE("the probe finds a header behind a long comment", "[images]") {
    const TempDir dir;
    write_jpg(dir.file("x.jpg"), pattern_image(40, 30));
    std::string jpg = read_text(dir.file("x.jpg"));
    const std::string comment = std::string("\xFF\xFE\xFF\xFE", 4) + std::string(0xFFFC, 'c');
    jpg.insert(2, comment + comment);
    CHECK(probe_image_file(dir.write("long.jpg", jpg)).width == 30);
    CHECK(read_image_file(dir.file("long.jpg")).height == 40);
    // What follows the end marker is not part of the picture.
    CHECK(read_image_file(dir.write("tail.jpg", jpg + "trailing")).height == 40);
}

TEST_CASE("binary PPM and PGM decode", "[images]") {
    const TempDir dir;
    CHECK(read_image_file(dir.write("x.ppm", "P6\n# note\n2 1\n255\nabcdef")).pixels ==
          std::vector<uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'});
    CHECK(read_image_file(dir.write("x.pgm", "P5 2 1 255\nab")).pixels ==
          std::vector<uint8_t>{'a', 'a', 'a', 'b', 'b', 'b'});
}

TEST_CASE("the centre crop rounds its margins as torchvision does", "[images]") {
    // int(round((side - crop) / 2.0)), half to even: margins 0.5 -> 0, 1.5 -> 2, 2.5 -> 2, 3.5
    // -> 4.
    const int margins[][2] = {{5, 0}, {7, 2}, {9, 2}, {11, 4}, {6, 1}};
    for (const auto& [side, margin] : margins) {
        const Image image = pattern_image(side, side);
        const Image crop = center_crop(image, 4);
        CHECK(crop.height == 4);
        CHECK(crop.width == 4);
        CHECK(crop.pixels[0] == image.pixels[(size_t(margin) * side + margin) * 3]);
    }
    CHECK(center_crop(pattern_image(5, 8), 0).width == 8);
    const Image clamped = center_crop(pattern_image(5, 8), 6);
    CHECK(clamped.height == 5);
    CHECK(clamped.width == 6);
    CHECK_THROWS_WITH(center_crop(pattern_image(2, 2), -1), mentions("crop is -1"));
}

TEST_CASE("the resize equals PIL bit for bit", "[images]") {
    // np.asarray(Image.fromarray(pattern).resize((w, h), Image.BILINEAR)).ravel(), PIL 9.4
    const std::vector<uint8_t> down = {87,  159, 128, 151, 112, 119, 110, 111, 102, 135, 131, 113,
                                       124, 123, 110, 143, 107, 144, 127, 117, 133, 126, 133, 126,
                                       144, 139, 135, 101, 142, 126, 122, 128, 130, 136, 119, 111};
    const std::vector<uint8_t> up = {0,  83,  166, 6,   89,  172, 30,  113, 196, 53,  136, 219,
                                     59, 142, 225, 23,  106, 189, 30,  113, 180, 55,  138, 141,
                                     80, 163, 102, 87,  170, 93,  51,  134, 217, 58,  141, 198,
                                     85, 168, 123, 113, 196, 48,  120, 203, 30,  74,  157, 240,
                                     81, 164, 222, 111, 194, 149, 140, 223, 75,  147, 230, 57};
    CHECK(resize_bilinear(pattern_image(9, 7), {4, 3}).pixels == down);
    CHECK(resize_bilinear(pattern_image(3, 2), {4, 5}).pixels == up);
    CHECK(resize_bilinear(pattern_image(9, 7), {9, 7}).pixels == pattern_image(9, 7).pixels);
    CHECK_THROWS_WITH(resize_bilinear(pattern_image(2, 2), {0, 4}), mentions("target size is 4x0"));
}

TEST_CASE("preprocessing crops to the target's aspect ratio", "[images]") {
    CHECK(crop_to_aspect(pattern_image(10, 20), {64, 64}).width == 10);
    const Image wide = crop_to_aspect(pattern_image(20, 20), {32, 64});
    CHECK(wide.height == 10);
    CHECK(wide.width == 20);
    const Image image = pattern_image(109, 89);
    CHECK(preprocess(image, 89, {64, 64}).pixels ==
          resize_bilinear(center_crop(image, 89), {64, 64}).pixels);
    CHECK(preprocess(pattern_image(1, 9), 178, {4, 4}).pixels.size() == 48);
}

TEST_CASE("bytes become floats in [-1, 1] and come back", "[images]") {
    Image image{2, 128, std::vector<uint8_t>(256 * 3)};
    for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = uint8_t(i / 3);
    const std::vector<float> floats = floats_of(image);
    CHECK(floats.front() == -1.0f);
    CHECK(floats.back() == 1.0f);
    CHECK(image_from_float(floats, 2, 128).pixels == image.pixels);

    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> odd = {-9.0f, 9.0f, nan};
    CHECK(image_from_float(odd, 1, 1).pixels == std::vector<uint8_t>{0, 255, 0});
    CHECK_THROWS_AS(image_from_float(odd, 1, 2), Error);
}
