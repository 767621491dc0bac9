#pragma once

#include "kernels/conv/gemm/plan.h"
#include "tests/conv_cases.h"
#include "tests/devices.h"

// Convolution on the devices: operands of all passes, in every arithmetic.

namespace sg::testing {

/// What one unit of the sums' arithmetic rounds by: tf32 rounds the operands of each product.
struct F32 {
    using T = float;
    static constexpr ConvMath math = ConvMath::strict;
    static constexpr double sum_ulp = half_ulp<float>;
};
struct Tf32 {
    using T = float;
    static constexpr ConvMath math = ConvMath::tf32;
    static constexpr double sum_ulp = 0x1p-13;  // 8 of them: two operands, 2^-11 each, and a margin
};
struct Bf16 {
    using T = bf16;
    static constexpr ConvMath math = ConvMath::strict;
    static constexpr double sum_ulp = half_ulp<float>;
};

/// A device's operands for all passes of one shape, weights as the device takes them.
template <class Device, class A>
struct Problem {
    using T = typename A::T;
    ConvShape s;
    Device& device;
    std::vector<double> x, w, grad_y, bias, mask, residual;

    Problem(Device& device, const ConvShape& s, uint64_t seed = 11)
        : s(s),
          device(device),
          x(rounded<T>(uniform(s.x_size(), seed))),
          w(rounded<T>(uniform(s.w_size(), seed + 1))),
          grad_y(rounded<T>(uniform(s.y_size(), seed + 2))) {}

    template <class V>
    auto in(const std::vector<double>& values) {
        return device.input(to<V>(values));
    }
    auto workspace(ConvPass pass) {
        return device.template output<float>(
            conv_workspace<T>(device.context.properties(), pass, s, A::math));
    }

    template <class Out>
    std::vector<double> forward(const ConvEpilogue<T>& epilogue = {}) {
        auto y = device.template output<Out>(s.y_size());
        auto space = workspace(ConvPass::forward);
        const auto dx = in<T>(x), dw = in<T>(w);
        conv_forward(device.context, ConvForwardArgs<T, Out, T>{.shape = s,
                                                                .x = dx,
                                                                .w = dw,
                                                                .epilogue = epilogue,
                                                                .y = y,
                                                                .math = A::math,
                                                                .workspace = space,
                                                                .workspace_size = space.size()});
        return y.get();
    }
    template <class Out>
    std::vector<double> dgrad(const ConvEpilogue<T>& epilogue = {}) {
        auto grad_x = device.template output<Out>(s.x_size());
        auto space = workspace(ConvPass::dgrad);
        const auto dy = in<T>(grad_y), dw = in<T>(w);
        conv_dgrad(device.context, ConvDgradArgs<T, Out, T>{.shape = s,
                                                            .grad_y = dy,
                                                            .w = dw,
                                                            .epilogue = epilogue,
                                                            .grad_x = grad_x,
                                                            .math = A::math,
                                                            .workspace = space,
                                                            .workspace_size = space.size()});
        return grad_x.get();
    }
    std::vector<double> wgrad() {
        auto grad_w = device.template output<float>(s.w_size());
        auto space = workspace(ConvPass::wgrad);
        const auto dx = in<T>(x), dy = in<T>(grad_y);
        conv_wgrad(device.context, ConvWgradArgs<T>{.shape = s,
                                                    .x = dx,
                                                    .grad_y = dy,
                                                    .grad_w = grad_w,
                                                    .math = A::math,
                                                    .workspace = space,
                                                    .workspace_size = space.size()});
        return grad_w.get();
    }
};

template <class A, class Out>
double excess_of(const std::vector<double>& computed, const Sums& exact) {
    return excess(computed, exact, A::sum_ulp, half_ulp<Out>);
}

/// Calls body(A{}) for each arithmetic.
template <class Body>
void for_each_arithmetic(const Body& body) {
    {
        INFO("f32");
        body(F32{});
    }
    {
        INFO("tf32");
        body(Tf32{});
    }
    INFO("bf16");
    body(Bf16{});
}

}  // namespace sg::testing
