#include "kernels/conv/narrow.h"

namespace sg {

namespace {

bool narrow(const ConvShape& s) {
    constexpr int64_t most = 64 * 65535;         // a grid's y counts slices of 64 channels
    const int64_t rows = s.stride == 1 ? 7 : 4;  // of a kernel; more would not fit the registers
    return s.C <= 4 && s.K % 8 == 0 && s.K <= most && s.R <= rows && s.S <= 7 && s.pad < s.R &&
           s.pad < s.S && (s.stride == 1 || s.stride == 2);
}

/// The stride-1 convolution whose dgrad is the fprop of s. Its pads are R-1-pad and S-1-pad: one
/// number if the kernel is square.
ConvShape turn_round(const ConvShape& s) {
    return {.N = s.N,
            .H = s.P(),
            .W = s.Q(),
            .C = s.K,
            .K = s.C,
            .R = s.R,
            .S = s.S,
            .stride = 1,
            .pad = s.R - 1 - s.pad};
}

}  // namespace

std::optional<NarrowConv> narrow_conv(const ConvShape& s) {
    const int64_t taps = s.R * s.S;
    if (narrow(s))
        return NarrowConv{
            s,
            {.wide_stride = taps * s.C, .narrow_stride = 1, .tap_stride = s.C, .reversed = false},
            false};
    if (s.stride != 1 || s.R != s.S || s.pad >= s.R) return {};
    const ConvShape turned = turn_round(s);
    if (!narrow(turned)) return {};
    return NarrowConv{
        turned,
        {.wide_stride = 1, .narrow_stride = taps * s.C, .tap_stride = s.C, .reversed = true},
        true};
}

}  // namespace sg
