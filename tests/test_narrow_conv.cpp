#include "kernels/conv/narrow.h"
#include "tests/devices.h"
#include "tests/reference.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// Worst |computed - exact| in units of what rounding allows, as in test_conv.cpp. Tensor cores
/// round less carefully than the processor: twice as many roundings.
template <class Out>
double excess(const std::vector<double>& computed, const Sums& exact) {
    constexpr double roundings = 16;
    REQUIRE(computed.size() == exact.value.size());
    double worst = 0;
    for (size_t i = 0; i < computed.size(); ++i) {
        const double allowed = roundings * half_ulp<float> * exact.magnitude[i] +
                               1.01 * half_ulp<Out> * std::abs(exact.value[i]);
        const double error = std::abs(computed[i] - exact.value[i]);
        if (std::isnan(error)) return std::numeric_limits<double>::infinity();
        if (error > allowed) worst = std::max(worst, allowed > 0 ? error / allowed : 1e30);
    }
    return worst;
}

/// Operands of all passes of a convolution as its caller sees it, and their textbook results.
struct Case {
    ConvShape shape;
    std::vector<bf16> x, w, grad_y;
    ConvReference exact;

    explicit Case(const ConvShape& s, uint64_t seed = 11)
        : shape(s),
          x(to<bf16>(uniform(s.x_size(), seed))),
          w(to<bf16>(uniform(s.w_size(), seed + 1))),
          grad_y(to<bf16>(uniform(s.y_size(), seed + 2))),
          exact(s, to_double(x), to_double(w), to_double(grad_y)) {}
};

struct Labels {
    std::vector<float> table = {};
    bool relative = false;
};

/// What epilogues read, as vectors; empty is absent.
struct Parts {
    std::vector<float> bias = {};
    float slope = 1;
    std::vector<bf16> mask = {};
    float mask_slope = 1;
    std::vector<bf16> residual = {};
    Labels labels = {};
};

/// The pass from `from`'s side to the other: with `input` y from x as the narrow side sees it.
template <class Out, class Device>
std::vector<double> image_pass(Device& device, const NarrowConv& conv, bool input, int64_t size,
                               const std::vector<bf16>& from, const std::vector<bf16>& w,
                               const Parts& parts) {
    const auto from_in = device.input(from), w_in = device.input(w),
               mask = device.input(parts.mask), residual = device.input(parts.residual);
    const auto bias = device.input(parts.bias), table = device.input(parts.labels.table);
    auto out = device.template output<Out>(size);
    const ConvEpilogue<bf16> epilogue{bias.data(), parts.slope, mask.data(), parts.mask_slope,
                                      residual.data()};
    if (input)
        narrow_input(device.context,
                     NarrowInputArgs<Out>{.conv = conv,
                                          .x = from_in.data(),
                                          .w = w_in.data(),
                                          .epilogue = epilogue,
                                          .label_bias = table.data(),
                                          .label_bias_relative = parts.labels.relative,
                                          .y = out});
    else
        narrow_output(device.context, NarrowOutputArgs<Out>{.conv = conv,
                                                            .grad_y = from_in.data(),
                                                            .w = w_in.data(),
                                                            .epilogue = epilogue,
                                                            .grad_x = out});
    return out.get();
}

template <class Out, class Device>
std::vector<double> forward(Device& device, const Case& c, const Parts& parts = {}) {
    const NarrowConv conv = narrow_conv(c.shape).value();
    return image_pass<Out>(device, conv, !conv.turned, c.shape.y_size(), c.x, c.w, parts);
}
template <class Out, class Device>
std::vector<double> dgrad(Device& device, const Case& c, const Parts& parts = {}) {
    const NarrowConv conv = narrow_conv(c.shape).value();
    return image_pass<Out>(device, conv, conv.turned, c.shape.x_size(), c.grad_y, c.w, parts);
}
template <class Device>
std::vector<double> wgrad(Device& device, const Case& c) {
    const NarrowConv conv = narrow_conv(c.shape).value();
    const auto x = device.input(c.x), grad_y = device.input(c.grad_y);
    auto grad_w = device.template output<float>(c.shape.w_size());
    auto workspace =
        device.template output<float>(narrow_wgrad_workspace(device.context.properties(), conv));
    narrow_wgrad(device.context, NarrowWgradArgs{.conv = conv,
                                                 .x = conv.turned ? grad_y.data() : x.data(),
                                                 .grad_y = conv.turned ? x.data() : grad_y.data(),
                                                 .grad_w = grad_w,
                                                 .workspace = workspace});
    workspace.get();
    return grad_w.get();
}

template <class Device>
void check_passes(Device& device, const Case& c) {
    INFO(to_string(c.shape));
    CHECK(excess<float>(forward<float>(device, c), c.exact.y) <= 1);
    CHECK(excess<float>(dgrad<float>(device, c), c.exact.grad_x) <= 1);
    CHECK(excess<float>(wgrad(device, c), c.exact.grad_w) <= 1);
}

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
    std::vector<Case> cases;
    for (uint32_t i = 0; i < 36; ++i) cases.emplace_back(sample(i), 100 + i);
    for_each_accelerator([&](auto& device) {
        for (const Case& c : cases) check_passes(device, c);
    });
}

TEST_CASE("narrow convolutions of the networks' layers equal the textbook loops", "[narrow_conv]") {
    std::vector<Case> cases;
    for (const ConvShape& s : kLayers) cases.emplace_back(s);
    for_each_accelerator([&](auto& device) {
        for (const Case& c : cases) check_passes(device, c);
    });
}

namespace {

/// The epilogue's formula on exact sums.
Sums with_parts(Sums sums, const Parts& parts, const NarrowConv& conv, bool input) {
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
std::vector<Parts> all_parts(int64_t size, int64_t channels) {
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
void check_parts(Device& device, const Case& c, bool input) {
    const NarrowConv conv = narrow_conv(c.shape).value();
    const bool fprop = input != conv.turned;
    const Sums& plain = fprop ? c.exact.y : c.exact.grad_x;
    const int64_t size = int64_t(plain.value.size());
    for (const Parts& parts : all_parts(size, input ? conv.shape.K : conv.shape.C)) {
        const auto computed = fprop ? forward<Out>(device, c, parts) : dgrad<Out>(device, c, parts);
        CHECK(excess<Out>(computed, with_parts(plain, parts, conv, input)) <= 1);
    }
}

}  // namespace

TEST_CASE("narrow convolutions apply every part of the epilogue", "[narrow_conv]") {
    std::vector<Case> cases;
    cases.emplace_back(
        ConvShape{.N = 2, .H = 9, .W = 10, .C = 3, .K = 24, .R = 4, .S = 3, .stride = 2, .pad = 1});
    cases.emplace_back(
        ConvShape{.N = 2, .H = 5, .W = 9, .C = 4, .K = 72, .R = 3, .S = 2, .stride = 1, .pad = 1});
    cases.emplace_back(
        ConvShape{.N = 1, .H = 6, .W = 7, .C = 16, .K = 3, .R = 3, .S = 3, .stride = 1, .pad = 1});
    for_each_accelerator([&](auto& device) {
        for (const Case& c : cases)
            for (const bool input : {true, false}) {
                INFO(to_string(c.shape) << (input ? ", wide" : ", narrow"));
                check_parts<float>(device, c, input);
                check_parts<bf16>(device, c, input);
            }
    });
}

TEST_CASE("narrow convolutions add a label bias before they round", "[narrow_conv]") {
    for (const int64_t R : {3, 7}) {
        const Case c({.N = 2,
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
                const Parts parts{.labels = {to<float>(uniform(2 * R * R * 24, 5)), relative}};
                const Sums exact = with_parts(c.exact.y, parts, conv, true);
                CHECK(excess<float>(forward<float>(device, c, parts), exact) <= 1);
                CHECK(excess<bf16>(forward<bf16>(device, c, parts), exact) <= 1);
            }
        });
    }
}

TEST_CASE("narrow convolutions give the same bits in every run", "[narrow_conv]") {
    const Case c(kLayers[3]);
    for_each_accelerator([&](auto& device) {
        CHECK(forward<float>(device, c) == forward<float>(device, c));
        CHECK(dgrad<float>(device, c) == dgrad<float>(device, c));
        CHECK(wgrad(device, c) == wgrad(device, c));
    });
}

TEST_CASE("narrow_conv says which convolutions it takes", "[narrow_conv]") {
    const ConvShape good{
        .N = 2, .H = 9, .W = 10, .C = 3, .K = 64, .R = 7, .S = 5, .stride = 1, .pad = 3};
    const auto takes = [](ConvShape s, auto change) {
        change(s);
        return narrow_conv(s);
    };
    const auto plain = narrow_conv(good);
    REQUIRE(plain);
    CHECK(plain->shape == good);
    CHECK_FALSE(plain->turned);
    CHECK(plain->weights.wide_stride == 7 * 5 * 3);
    CHECK(plain->weights.narrow_stride == 1);
    CHECK(plain->weights.tap_stride == 3);
    CHECK_FALSE(plain->weights.reversed);
    CHECK(takes(good, [](auto& s) { s.stride = 2; }));
    CHECK_FALSE(takes(good, [](auto& s) { s.stride = 3; }));
    CHECK_FALSE(takes(good, [](auto& s) { s.C = 5; }));
    CHECK_FALSE(takes(good, [](auto& s) { s.K = 60; }));
    CHECK_FALSE(takes(good, [](auto& s) { s.R = 8; }));
    CHECK_FALSE(takes(good, [](auto& s) { s.S = 8, s.pad = 0; }));
    CHECK_FALSE(takes(good, [](auto& s) { s.pad = 5; }));  // not below S

    const ConvShape head{
        .N = 2, .H = 9, .W = 10, .C = 64, .K = 3, .R = 5, .S = 5, .stride = 1, .pad = 1};
    const auto turned = narrow_conv(head);
    REQUIRE(turned);
    CHECK(turned->turned);
    CHECK(
        turned->shape ==
        ConvShape{.N = 2, .H = 7, .W = 8, .C = 3, .K = 64, .R = 5, .S = 5, .stride = 1, .pad = 3});
    CHECK(turned->shape.P() == head.H);
    CHECK(turned->shape.Q() == head.W);
    CHECK(turned->weights.wide_stride == 1);
    CHECK(turned->weights.narrow_stride == 5 * 5 * 64);
    CHECK(turned->weights.tap_stride == 64);
    CHECK(turned->weights.reversed);
    CHECK_FALSE(takes(head, [](auto& s) { s.stride = 2; }));
    CHECK_FALSE(takes(head, [](auto& s) { s.K = 5; }));
    CHECK_FALSE(takes(head, [](auto& s) { s.C = 60; }));
    CHECK_FALSE(takes(head, [](auto& s) { s.S = 3; }));  // two pads when turned
    CHECK_FALSE(takes(head, [](auto& s) { s.pad = 5; }));
    // Narrow on both sides, K a multiple of 8: as it stands.
    CHECK_FALSE(takes(head, [](auto& s) { s.C = 4, s.K = 8; })->turned);
}

TEST_CASE("wgrad's sums are split by the shape and the processors", "[narrow_conv]") {
    const NarrowConv conv = narrow_conv(kLayers[3]).value();
    const int64_t weights = conv.shape.w_size();
    DeviceProperties device = SimContext().properties();
    device.processors = 1;
    CHECK(narrow_wgrad_workspace(device, conv) == weights);
    device.processors = 1000;
    const int64_t most = narrow_wgrad_workspace(device, conv);
    CHECK(most % weights == 0);
    CHECK(most > weights);
    device.shared_per_block /= 2;
    CHECK(narrow_wgrad_workspace(device, conv) == most);
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
        check_passes(device, Case(s));
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
        const Case c(s);
        device.context.launches.clear();
        forward<bf16>(device, c);
        dgrad<bf16>(device, c);
        wgrad(device, c);
        const auto& launches = device.context.launches;
        REQUIRE(launches.size() == 4);
        CHECK(launches[0].shared_loads.conflicts == 0);
        CHECK(launches[1].shared_stores.conflicts == 0);
        // Where pixels of grad_x have fewer taps, the recorder takes two instructions for one.
        CHECK(launches[1].shared_loads.conflicts < launches[1].shared_loads.wavefronts / 4);
        // The block's sums are read across, once.
        const auto blocks = int64_t(launches[2].grid.count());
        CHECK(launches[2].shared_loads.conflicts <= 2 * blocks * s.w_size() / 32);
    }
}
