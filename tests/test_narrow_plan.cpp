#include "kernels/conv/narrow.h"
#include "kernels/sim/sim_context.h"
#include "tests/support.h"

using namespace sg;

// Which convolutions the narrow kernels take, how they see them and what they ask for.

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
    CHECK(takes(good, [](auto& s) { s.stride = 2, s.R = 4; }));
    CHECK_FALSE(takes(good, [](auto& s) { s.stride = 2, s.R = 5; }));
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
    const NarrowConv conv =
        narrow_conv(
            {.N = 2, .H = 18, .W = 34, .C = 3, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1})
            .value();
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
