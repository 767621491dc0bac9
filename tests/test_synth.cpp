#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include "kernels/common/error.h"
#include "tests/catch.h"
#include "train/data/synth_dataset.h"
#include "train/synth/face.h"

namespace {

using namespace sg;
using synth::Attributes;
using synth::Expression;
using synth::Hair;
using Picture = std::vector<uint8_t>;

constexpr ImageSize kSize{64, 64};
constexpr int kPeople = 40;

Picture draw(uint64_t identity, const Attributes& attributes, ImageSize size = kSize) {
    Picture picture(size_t(size.height) * size_t(size.width) * 3);
    synth::render(identity, attributes, size, picture);
    return picture;
}

/// Largest channel difference per pixel.
std::vector<int> difference(const Picture& a, const Picture& b) {
    std::vector<int> result(a.size() / 3);
    for (size_t i = 0; i < a.size(); ++i) {
        result[i / 3] = std::max(result[i / 3], std::abs(int(a[i]) - int(b[i])));
    }
    return result;
}

double mean_difference(const Picture& a, const Picture& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += std::abs(int(a[i]) - int(b[i]));
    return sum / double(a.size());
}

double share_equal(const Picture& a, const Picture& b) {
    const std::vector<int> d = difference(a, b);
    return double(std::count(d.begin(), d.end(), 0)) / double(d.size());
}

/// Mean of one channel over the pixels where `mask` is not zero.
double mean_value(const Picture& picture, const std::vector<int>& mask, size_t channel) {
    double sum = 0, count = 0;
    for (size_t i = 0; i < mask.size(); ++i) {
        sum += mask[i] ? picture[3 * i + channel] : 0;
        count += mask[i] ? 1 : 0;
    }
    return sum / count;
}

/// Attributes that differ from one person to the next, so that the tests cover combinations.
Attributes varied(int i) {
    return {Hair(i % 3), i % 2 == 1, i % 5 < 2, Expression(i % synth::kExpressions)};
}

}  // namespace

TEST_CASE("synth: a picture is a pure function of its arguments") {
    std::vector<Picture> first(8), second(8);
    for (size_t i = 0; i < 8; ++i) first[i] = draw(i, varied(int(i)));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 8; ++i) {
        threads.emplace_back([&second, i] { second[i] = draw(i, varied(int(i))); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(first == second);
}

TEST_CASE("synth: every size is drawn, and a larger picture shows the same face") {
    for (const ImageSize size :
         {ImageSize{8, 8}, {31, 33}, {32, 32}, {64, 96}, {96, 64}, {256, 256}}) {
        CAPTURE(size.height, size.width);
        const Picture picture = draw(3, {}, size);
        CHECK(mean_difference(picture, Picture(picture.size(), 0)) > 40);
        CHECK(mean_difference(picture, draw(4, {}, size)) > 5);
    }
    const Picture large = draw(5, {}, {128, 128}), small = draw(5, {});
    Picture halved(small.size());
    for (size_t y = 0; y < 64; ++y) {
        for (size_t x = 0; x < 64 * 3; ++x) {
            const size_t at = 2 * y * 128 * 3 + x / 3 * 6 + x % 3;
            halved[y * 64 * 3 + x] = uint8_t(
                (large[at] + large[at + 3] + large[at + 128 * 3] + large[at + 129 * 3]) / 4);
        }
    }
    // Analytic coverage: drawing small is drawing large and averaging, up to grain and fine lines.
    CHECK(mean_difference(halved, small) < 2.5);
}

TEST_CASE("synth: hair colour changes hair and brows, unmistakably") {
    for (int i = 0; i < kPeople; ++i) {
        CAPTURE(i);
        Attributes attributes = varied(i);
        Picture shades[3];
        for (int hair = 0; hair < 3; ++hair) {
            attributes.hair = Hair(hair);
            shades[hair] = draw(uint64_t(i), attributes);
        }
        const std::vector<int> mask = difference(shades[0], shades[1]);
        for (int hair = 0; hair < 3; ++hair) {
            const Picture& other = shades[(hair + 1) % 3];
            CHECK(mean_difference(shades[hair], other) > 2.5);
            CHECK(share_equal(shades[hair], other) > 0.5);
        }
        CHECK(mean_value(shades[0], mask, 1) + 20 < mean_value(shades[2], mask, 1));
        CHECK(mean_value(shades[2], mask, 1) + 50 < mean_value(shades[1], mask, 1));
    }
}

TEST_CASE("synth: eyeglasses change a band around the eyes and no hair") {
    for (int i = 0; i < kPeople; ++i) {
        CAPTURE(i);
        Attributes without = varied(i), with = without;
        without.eyeglasses = false;
        with.eyeglasses = true;
        const Picture a = draw(uint64_t(i), without), b = draw(uint64_t(i), with);
        CHECK(mean_difference(a, b) > 1.4);
        CHECK(share_equal(a, b) > 0.85);

        Attributes recoloured = without;
        recoloured.hair = without.hair == Hair::blond ? Hair::black : Hair::blond;
        const std::vector<int> glasses = difference(a, b);
        const std::vector<int> hair = difference(a, draw(uint64_t(i), recoloured));
        // Only brows and blended edges may lie under both; the top of the head never does.
        int both = 0;
        for (size_t k = 0; k < hair.size(); ++k) both += hair[k] > 0 && glasses[k] > 0;
        CHECK(both < 90);
        CHECK(
            std::all_of(glasses.begin(), glasses.begin() + 64 * 16, [](int d) { return d == 0; }));
    }
}

TEST_CASE("synth: pale skin is lighter, cooler and less saturated, and leaves the rest alone") {
    for (int i = 0; i < kPeople; ++i) {
        CAPTURE(i);
        Attributes usual = varied(i), pale = usual;
        usual.pale_skin = false;
        pale.pale_skin = true;
        const Picture a = draw(uint64_t(i), usual), b = draw(uint64_t(i), pale);
        const std::vector<int> mask = difference(a, b);
        CHECK(mean_difference(a, b) > 4);
        CHECK(share_equal(a, b) > 0.5);
        CHECK(mean_value(a, mask, 1) + 30 < mean_value(b, mask, 1));
        const auto warmth = [&](const Picture& p) {
            return mean_value(p, mask, 0) - mean_value(p, mask, 2);
        };
        CHECK(2 * warmth(b) < warmth(a));
    }
}

TEST_CASE("synth: expressions change the features only, and all eight differ") {
    for (int i = 0; i < kPeople; ++i) {
        CAPTURE(i);
        Attributes attributes = varied(i);
        std::vector<Picture> faces;
        for (int k = 0; k < synth::kExpressions; ++k) {
            attributes.expression = Expression(k);
            faces.push_back(draw(uint64_t(i), attributes));
        }
        for (size_t p = 0; p < faces.size(); ++p) {
            for (size_t q = 0; q < p; ++q) {
                CAPTURE(p, q);
                // Least for neutral and contemptuous behind smoked lenses, which dim the brows.
                CHECK(mean_difference(faces[p], faces[q]) > 0.35);
                CHECK(share_equal(faces[p], faces[q]) > 0.85);
            }
        }
    }
}

TEST_CASE("synth: people differ") {
    for (int i = 0; i < kPeople; ++i) {
        for (int k = 0; k < i; ++k)
            CHECK(mean_difference(draw(uint64_t(i), {}), draw(uint64_t(k), {})) > 8);
    }
}

TEST_CASE("synth: wrong sizes and spans are refused") {
    Picture picture(64 * 64 * 3);
    CHECK_THROWS_AS(synth::render(0, {}, {64, 63}, picture), Error);
    CHECK_THROWS_AS(synth::render(0, {}, {0, 64}, picture), Error);
    CHECK_THROWS_AS(synth::render(0, {}, {64, synth::kMaxSide + 1}, picture), Error);
}
