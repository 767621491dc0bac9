#include "tests/narrow_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// A random accepted shape, a third of them turned.
ConvShape sample(uint32_t index) {
    const Rng rng{.seed = 3, .iteration = index};
    uint64_t draw = 0;
    const auto pick = [&](std::initializer_list<int64_t> from) {
        return from.begin()[rng.below(draw++, uint32_t(from.size()))];
    };
    for (;;) {
        ConvShape s{.N = pick({1, 2, 3}),
                    .H = pick({1, 2, 5, 9, 12, 17}),
                    .W = pick({1, 2, 5, 9, 16, 18, 33}),
                    .C = pick({1, 2, 3, 4}),
                    .K = pick({8, 16, 24, 40, 72}),
                    .R = pick({1, 2, 3, 4, 5, 6, 7}),
                    .S = pick({1, 2, 3, 4, 5, 6, 7}),
                    .stride = pick({1, 2}),
                    .pad = pick({0, 1, 2, 3, 5})};
        if (index % 3 == 0) s.stride = 1, s.S = s.R, std::swap(s.C, s.K);
        if (s.H + 2 * s.pad < s.R || s.W + 2 * s.pad < s.S) continue;
        if (narrow_conv(s) && s.y_size() * s.R * s.S * s.C <= 300'000) return s;
    }
}

/// The networks' layers with smaller images, and what their tiles' borders are made of.
const std::vector<ConvShape> kLayers = {
    {.N = 1, .H = 11, .W = 19, .C = 3, .K = 64, .R = 7, .S = 7, .stride = 1, .pad = 3},  // stem
    {.N = 1, .H = 9, .W = 16, .C = 4, .K = 64, .R = 7, .S = 7, .stride = 1, .pad = 3},
    {.N = 1, .H = 9, .W = 12, .C = 64, .K = 3, .R = 7, .S = 7, .stride = 1, .pad = 3},   // head
    {.N = 2, .H = 18, .W = 34, .C = 3, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1},  // D1
    {.N = 1, .H = 5, .W = 300, .C = 3, .K = 8, .R = 5, .S = 7, .stride = 1, .pad = 2},   // wide
    {.N = 1, .H = 4, .W = 301, .C = 2, .K = 8, .R = 4, .S = 5, .stride = 2, .pad = 3},
    {.N = 1, .H = 3, .W = 4, .C = 3, .K = 1064, .R = 7, .S = 7, .stride = 1, .pad = 3},  // deep
    {.N = 1, .H = 70, .W = 9, .C = 1, .K = 8, .R = 3, .S = 3, .stride = 1, .pad = 1},    // high
    {.N = 300, .H = 2, .W = 3, .C = 3, .K = 8, .R = 7, .S = 7, .stride = 1, .pad = 3},   // many
    {.N = 140, .H = 1, .W = 64, .C = 1, .K = 8, .R = 7, .S = 7, .stride = 1, .pad = 3}};

}  // namespace

TEST_CASE("narrow convolutions equal the textbook loops", "[narrow_conv]") {
    std::vector<NarrowCase> cases;
    for (uint32_t i = 0; i < 36; ++i) cases.emplace_back(sample(i), 100 + i);
    for_each_accelerator([&](auto& device) {
        for (const NarrowCase& c : cases) check_passes(device, c);
    });
}

TEST_CASE("narrow convolutions of the networks' layers equal the textbook loops", "[narrow_conv]") {
    std::vector<NarrowCase> cases;
    for (const ConvShape& s : kLayers) cases.emplace_back(s);
    for_each_accelerator([&](auto& device) {
        for (const NarrowCase& c : cases) check_passes(device, c);
    });
}

namespace {

/// The epilogue's formula on exact sums.
Sums with_parts(Sums sums, const NarrowParts& parts, const NarrowConv& conv, bool input) {
    const ConvShape& s = conv.shape;
    const int64_t channels = input ? s.K : s.C, p = (s.R - 1) / 2;
    const auto class_of = [&](int64_t i, int64_t size) {
        if (i < p) return i;
        return i <= size - 1 - p ? p : i - (size - s.R);
    };
    for (int64_t i = 0; i < int64_t(sums.value.size()); ++i) {
        const int64_t k = i % channels, q = i / channels % s.Q(), row = i / channels / s.Q();
        const auto entry = [&](int64_t a, int64_t b) {
            return double(
                parts.labels.table[size_t(((row / s.P() * s.R + a) * s.R + b) * channels + k)]);
        };
        if (!parts.bias.empty()) sums.add(i, double(parts.bias[size_t(k)]));
        if (!parts.labels.table.empty()) {
            sums.add(i, entry(class_of(row % s.P(), s.P()), class_of(q, s.Q())));
            if (parts.labels.relative) sums.add(i, -entry(p, p));
        }
        double& v = sums.value[size_t(i)];
        if (v < 0) v *= double(parts.slope);
        if (!parts.mask.empty() && !(float(parts.mask[size_t(i)]) > 0))
            v *= double(parts.mask_slope);
        if (!parts.residual.empty()) sums.add(i, double(float(parts.residual[size_t(i)])));
    }
    return sums;
}

/// Each part of the epilogue alone, and all of them. A quarter has slopes: LeakyReLU is steepest at
/// 1, so the sums' bound bounds what follows.
std::vector<NarrowParts> all_parts(int64_t size, int64_t channels) {
    const auto bias = to<float>(uniform(channels, 71));
    const auto mask = to<bf16>(uniform(size, 72)), residual = to<bf16>(uniform(size, 73, -9, 9));
    return {{.bias = bias},
            {.slope = 0.25f},
            {.mask = mask, .mask_slope = 0.25f},
            {.residual = residual},
            {bias, 0.25f, mask, 0.5f, residual}};
}

/// Every part on the pass that has an epilogue on the wide side (`input`) or on the narrow side.
template <class Out, class Device>
void check_parts(Device& device, const NarrowCase& c, bool input) {
    const NarrowConv conv = narrow_conv(c.shape).value();
    const bool fprop = input != conv.turned;
    const Sums& plain = fprop ? c.exact.y : c.exact.grad_x;
    const int64_t size = int64_t(plain.value.size());
    for (const NarrowParts& parts : all_parts(size, input ? conv.shape.K : conv.shape.C)) {
        const auto computed = fprop ? forward<Out>(device, c, parts) : dgrad<Out>(device, c, parts);
        CHECK(excess<float, Out>(computed, with_parts(plain, parts, conv, input)) <= 1);
    }
}

}  // namespace

TEST_CASE("narrow convolutions apply every part of the epilogue", "[narrow_conv]") {
    std::vector<NarrowCase> cases;
    cases.emplace_back(
        ConvShape{.N = 2, .H = 9, .W = 10, .C = 3, .K = 24, .R = 4, .S = 3, .stride = 2, .pad = 1});
    cases.emplace_back(
        ConvShape{.N = 2, .H = 5, .W = 9, .C = 4, .K = 72, .R = 3, .S = 2, .stride = 1, .pad = 1});
    cases.emplace_back(
        ConvShape{.N = 1, .H = 6, .W = 7, .C = 16, .K = 3, .R = 3, .S = 3, .stride = 1, .pad = 1});
    for_each_accelerator([&](auto& device) {
        for (const NarrowCase& c : cases)
            for (const bool input : {true, false}) {
                INFO(to_string(c.shape) << (input ? ", wide" : ", narrow"));
                check_parts<float>(device, c, input);
                check_parts<bf16>(device, c, input);
            }
    });
}

TEST_CASE("narrow convolutions add a label bias before they round", "[narrow_conv]") {
    for (const int64_t R : {3, 7}) {
        const NarrowCase c({.N = 2,
                            .H = R + 2,
                            .W = 12,
                            .C = 3,
                            .K = 24,
                            .R = R,
                            .S = R,
                            .stride = 1,
                            .pad = (R - 1) / 2});
        const NarrowConv conv = narrow_conv(c.shape).value();
        for_each_accelerator([&](auto& device) {
            for (const bool relative : {false, true}) {
                INFO("R " << R << ", relative " << relative);
                const NarrowParts parts{
                    .labels = {to<float>(uniform(2 * R * R * 24, 5)), relative}};
                const Sums exact = with_parts(c.exact.y, parts, conv, true);
                CHECK(excess<float, float>(forward<float>(device, c, parts), exact) <= 1);
                CHECK(excess<float, bf16>(forward<bf16>(device, c, parts), exact) <= 1);
            }
        });
    }
}

TEST_CASE("narrow convolutions give the same bits in every run", "[narrow_conv]") {
    const NarrowCase c(kLayers[3]);
    for_each_accelerator([&](auto& device) {
        CHECK(forward<float>(device, c) == forward<float>(device, c));
        CHECK(dgrad<float>(device, c) == dgrad<float>(device, c));
        CHECK(wgrad(device, c) == wgrad(device, c));
    });
}

TEST_CASE("narrow convolutions leave no race in shared memory", "[narrow_conv]") {
    SimOptions options;
    options.check_races = true;
    HostDevice<SimContext> device{SimContext(options), "races", true};
    for (const ConvShape& s :
         {ConvShape{.N = 90, .H = 3, .W = 3, .C = 3, .K = 8, .R = 3, .S = 3, .stride = 1, .pad = 1},
          ConvShape{
              .N = 2, .H = 10, .W = 12, .C = 3, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1},
          ConvShape{
              .N = 1, .H = 5, .W = 132, .C = 1, .K = 8, .R = 2, .S = 3, .stride = 1, .pad = 1}})
        check_passes(device, NarrowCase(s));
}

TEST_CASE("narrow convolutions' inner loops have no bank conflicts", "[narrow_conv]") {
    SimOptions options;
    options.count = true;
    HostDevice<SimContext> device{SimContext(options), "counts", true};
    const std::vector<ConvShape> layers = {
        {.N = 1, .H = 8, .W = 32, .C = 3, .K = 64, .R = 7, .S = 7, .stride = 1, .pad = 3},
        {.N = 1, .H = 16, .W = 64, .C = 3, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1}};
    for (const ConvShape& s : layers) {
        INFO(to_string(s));
        const NarrowCase c(s);
        device.context.launches.clear();
        forward<bf16>(device, c);
        dgrad<bf16>(device, c);
        wgrad(device, c);
        const auto& launches = device.context.launches;
        REQUIRE(launches.size() == 4);
        CHECK(launches[0].shared_loads.conflicts == 0);
        CHECK(launches[1].shared_stores.conflicts == 0);
        // Where pixels of grad_x have fewer taps, the recorder takes two instructions for one. How
        // often depends on how the compiler lays the loop out, hence the wide margin: an
        // address-sanitized build's are more than a tenth.
        CHECK(launches[1].shared_loads.conflicts < launches[1].shared_loads.wavefronts / 4);
        // The block's sums are read across, once.
        const auto blocks = int64_t(launches[2].grid.count());
        CHECK(launches[2].shared_loads.conflicts <= 2 * blocks * s.w_size() / 32);
    }
}
