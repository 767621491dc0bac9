#include "kernels/image/image.h"
#include "tests/devices.h"

using namespace sg;
using namespace sg::testing;

namespace {

std::vector<uint8_t> random_bytes(int64_t count, uint64_t seed) {
    const Rng rng{.seed = seed};
    std::vector<uint8_t> bytes(count);
    for (int64_t i = 0; i < count; ++i) bytes[i] = uint8_t(rng.bits(i));
    return bytes;
}

struct ImageCase {
    int64_t N, H, W, C, C_out;
    bool index, flip;
};

/// What y must hold, as the formula has it, rounded to T.
template <class T>
std::vector<double> reference(const ImageCase& t, const std::vector<uint8_t>& images,
                              const std::vector<int64_t>& index, const std::vector<uint8_t>& flip) {
    std::vector<double> want;
    for (int64_t n = 0; n < t.N; ++n)
        for (int64_t h = 0; h < t.H; ++h)
            for (int64_t w = 0; w < t.W; ++w)
                for (int64_t c = 0; c < t.C_out; ++c) {
                    const int64_t image = t.index ? index[n] : n;
                    const int64_t column = t.flip && flip[n] ? t.W - 1 - w : w;
                    const uint8_t u =
                        c < t.C ? images[((image * t.H + h) * t.W + column) * t.C + c] : 0;
                    const float value = c < t.C ? (float(u) / 255.0f - 0.5f) / 0.5f : 0.0f;
                    want.push_back(double(acc_t<T>(T(value))));
                }
    return want;
}

template <class T, class Device>
void check_image(Device& device, const ImageCase& t, uint64_t seed) {
    INFO("N " << t.N << ", H " << t.H << ", W " << t.W << ", C " << t.C << " of " << t.C_out);
    const int64_t stored = t.N + 3;
    const auto images = random_bytes(stored * t.H * t.W * t.C, seed);
    auto flip = random_bytes(t.N, seed + 1);
    for (size_t n = 1; n < flip.size(); n += 3) flip[n] = 0;
    const Rng rng{.seed = seed + 2};
    std::vector<int64_t> index;
    for (int64_t n = 0; n < t.N; ++n) index.push_back(rng.below(n, uint32_t(stored)));
    const auto bytes = device.input(images), flips = device.input(flip);
    const auto indices = device.input(index);
    auto y = device.template output<T>(t.N * t.H * t.W * t.C_out);
    image_to_tensor(device.context,
                    ImageToTensorArgs<T>{.N = t.N,
                                         .H = t.H,
                                         .W = t.W,
                                         .C = t.C,
                                         .C_out = t.C_out,
                                         .images = bytes,
                                         .index = t.index ? indices.data() : nullptr,
                                         .flip = t.flip ? flips.data() : nullptr,
                                         .y = y});
    CHECK(y.get() == reference<T>(t, images, index, flip));
}

/// Every byte, with and without a vector's width; rows of one pixel, and longer than a block.
const std::vector<ImageCase> kCases = {
    {1, 1, 1, 1, 1, false, false},  {1, 5, 31, 3, 3, false, true},   {5, 4, 32, 3, 8, true, true},
    {16, 3, 33, 3, 4, true, false}, {4, 33, 1, 5, 33, false, false}, {7, 2, 17, 1, 2, true, true},
    {2, 2, 128, 3, 3, true, true},  {1, 3, 400, 3, 3, true, true}};

}  // namespace

TEST_CASE("a batch of bytes becomes a tensor", "[image]") {
    for_each_device([](auto& device) {
        for_each_type([&]<class T>(T) {
            for (size_t i = 0; i < kCases.size(); ++i) check_image<T>(device, kCases[i], 10 * i);
        });
    });
}

TEST_CASE("every byte has the same value on every device", "[image]") {
    std::vector<uint8_t> all(256);
    for (int u = 0; u < 256; ++u) all[u] = uint8_t(u);
    for_each_device([&](auto& device) {
        const auto bytes = device.input(all);
        auto y = device.template output<float>(256);
        image_to_tensor(device.context,
                        ImageToTensorArgs<float>{
                            .N = 1, .H = 1, .W = 256, .C = 1, .C_out = 1, .images = bytes, .y = y});
        std::vector<double> want;
        for (const uint8_t u : all) want.push_back(unit_of_byte(u));
        CHECK(y.get() == want);
    });
}

TEST_CASE("bytes spread over [-1, 1]", "[image]") {
    CHECK(unit_of_byte(0) == -1.0f);
    CHECK(unit_of_byte(255) == 1.0f);
    for (int u = 0; u < 256; ++u)
        CHECK(unit_of_byte(uint8_t(u)) == Approx(u / 127.5 - 1.0).margin(1e-6));
}
