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
    std::vector<float> table;
    bool relative = false;
};

/// What epilogues read, as vectors; empty is absent.
struct Parts {
    std::vector<float> bias;
    float slope = 1;
    std::vector<bf16> mask;
    float mask_slope = 1;
    std::vector<bf16> residual;
    Labels labels = {};
};

/// The pass from `from`'s side to the other: with `input` y from x as the narrow side sees it.
template <class Out, class Device>
std::vector<double> image_pass(Device& device, const NarrowConv& conv, bool input, int64_t size,
                               const std::vector<bf16>& from, const std::vector<bf16>& w,
                               const Parts& parts) {
    const auto from_in = device.input(from), w_in = device.input(w), mask = device.input(parts.mask),
               residual = device.input(parts.residual);
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
    auto workspace = device.template output<float>(
        narrow_wgrad_workspace(device.context.properties(), conv));
    narrow_wgrad(device.context,
                 NarrowWgradArgs{.conv = conv,
                                 .x = conv.turned ? grad_y.data() : x.data(),
                                 .grad_y = conv.turned ? x.data() : grad_y.data(),
                                 .grad_w = grad_w,
                                 .workspace = workspace});
    workspace.get();
    return grad_w.get();
}

template <class Body>
void for_each_gpu(const Body& body) {
    for_each_sim(body);
    for_gpu(body);
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
    {.N = 1, .H = 70, .W = 9, .C = 1, .K = 8, .R = 3, .S = 3, .stride = 1, .pad = 1}};   // high

}  // namespace

TEST_CASE("narrow convolutions equal the textbook loops", "[narrow_conv]") {
    std::vector<Case> cases;
    for (uint32_t i = 0; i < 36; ++i) cases.emplace_back(sample(i), 100 + i);
    for_each_gpu([&](auto& device) {
        for (const Case& c : cases) check_passes(device, c);
    });
}

TEST_CASE("narrow convolutions of the networks' layers equal the textbook loops",
          "[narrow_conv]") {
    std::vector<Case> cases;
    for (const ConvShape& s : kLayers) cases.emplace_back(s);
    for_each_gpu([&](auto& device) {
        for (const Case& c : cases) check_passes(device, c);
    });
}
