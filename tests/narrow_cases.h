#pragma once

#include "kernels/conv/narrow.h"
#include "tests/conv_excess.h"
#include "tests/devices.h"

// The narrow convolutions: their callers' operands, and a run of each pass.

namespace sg::testing {

/// Operands of all passes of a convolution as its caller sees it, and their textbook results.
struct NarrowCase {
    ConvShape shape;
    std::vector<bf16> x, w, grad_y;
    ConvReference exact;

    explicit NarrowCase(const ConvShape& s, uint64_t seed = 11)
        : shape(s),
          x(to<bf16>(uniform(s.x_size(), seed))),
          w(to<bf16>(uniform(s.w_size(), seed + 1))),
          grad_y(to<bf16>(uniform(s.y_size(), seed + 2))),
          exact(s, to_double(x), to_double(w), to_double(grad_y)) {}
};

struct NarrowLabels {
    std::vector<float> table = {};
    bool relative = false;
};

/// What epilogues read, as vectors; empty is absent.
struct NarrowParts {
    std::vector<float> bias = {};
    float slope = 1;
    std::vector<bf16> mask = {};
    float mask_slope = 1;
    std::vector<bf16> residual = {};
    NarrowLabels labels = {};
};

/// The pass from `from`'s side to the other: with `input` y from x as the narrow side sees it.
template <class Out, class Device>
std::vector<double> image_pass(Device& device, const NarrowConv& conv, bool input, int64_t size,
                               const std::vector<bf16>& from, const std::vector<bf16>& w,
                               const NarrowParts& parts) {
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
std::vector<double> forward(Device& device, const NarrowCase& c, const NarrowParts& parts = {}) {
    const NarrowConv conv = narrow_conv(c.shape).value();
    return image_pass<Out>(device, conv, !conv.turned, c.shape.y_size(), c.x, c.w, parts);
}
template <class Out, class Device>
std::vector<double> dgrad(Device& device, const NarrowCase& c, const NarrowParts& parts = {}) {
    const NarrowConv conv = narrow_conv(c.shape).value();
    return image_pass<Out>(device, conv, conv.turned, c.shape.x_size(), c.grad_y, c.w, parts);
}
template <class Device>
std::vector<double> wgrad(Device& device, const NarrowCase& c) {
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
void check_passes(Device& device, const NarrowCase& c) {
    INFO(to_string(c.shape));
    CHECK(excess<float, float>(forward<float>(device, c), c.exact.y) <= 1);
    CHECK(excess<float, float>(dgrad<float>(device, c), c.exact.grad_x) <= 1);
    CHECK(excess<float, float>(wgrad(device, c), c.exact.grad_w) <= 1);
}

}  // namespace sg::testing
