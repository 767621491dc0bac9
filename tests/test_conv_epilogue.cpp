#include "tests/conv_devices.h"

using namespace sg;
using namespace sg::testing;

// What is done to the sums on their way to memory.

namespace {

/// What the epilogue makes of exact sums; slopes below 1 do not enlarge the sums' errors.
template <class T>
Sums with_epilogue(Sums sums, const ConvEpilogue<T>& e, const std::vector<double>& bias,
                   const std::vector<double>& mask, const std::vector<double>& residual) {
    for (size_t i = 0; i < sums.value.size(); ++i) {
        if (e.bias) sums.add(int64_t(i), bias[i % bias.size()]);
        double& v = sums.value[i];
        if (v < 0) v *= e.slope;
        if (e.mask && !(mask[i] > 0)) v *= e.mask_slope;
        if (e.residual) sums.add(int64_t(i), residual[i]);
    }
    return sums;
}

/// Forward and dgrad with an epilogue made of the chosen parts, on a shape with or without shares.
template <class A, class Device>
void check_epilogue(Device& device, const ConvShape& s, int parts) {
    using T = typename A::T;
    INFO(to_string(s) << ", parts " << parts);
    Problem<Device, A> p(device, s);
    const ConvReference exact(s, p.x, p.w, p.grad_y);
    const auto check = [&](ConvPass pass, const Sums& sums, int64_t channels, auto out,
                           const auto& run) {
        const int64_t count = int64_t(sums.value.size());
        const auto bias = rounded<float>(uniform(channels, 21));
        const auto mask = rounded<T>(uniform(count, 22)), residual = rounded<T>(uniform(count, 23));
        const auto d_bias = p.template in<float>(bias);
        const auto d_mask = p.template in<T>(mask), d_residual = p.template in<T>(residual);
        ConvEpilogue<T> e;
        if (parts & 1) e.bias = d_bias;
        if (parts & 2) e.slope = 0.125f;
        if (parts & 4) e.mask = d_mask, e.mask_slope = 0.25f;
        if (parts & 8) e.residual = d_residual;
        INFO(to_string(pass));
        CHECK(excess_of<A, decltype(out)>(run(e), with_epilogue(sums, e, bias, mask, residual)) <=
              1);
    };
    check(ConvPass::forward, exact.y, s.K, T{},
          [&](const auto& e) { return p.template forward<T>(e); });
    check(ConvPass::forward, exact.y, s.K, float{},
          [&](const auto& e) { return p.template forward<float>(e); });
    check(ConvPass::dgrad, exact.grad_x, s.C, T{},
          [&](const auto& e) { return p.template dgrad<T>(e); });
    check(ConvPass::dgrad, exact.grad_x, s.C, float{},
          [&](const auto& e) { return p.template dgrad<float>(e); });
}

int shares(const DeviceProperties& device, ConvPass pass, const ConvShape& s) {
    return conv_plan(device, pass, s, ConvArithmetic::f32).shares;
}

}  // namespace

TEST_CASE("the epilogue's parts are applied in order", "[conv][devices]") {
    for_each_accelerator([&](auto& device) {
        for (ConvPass pass : {ConvPass::forward, ConvPass::dgrad}) {
            CHECK(shares(device.context.properties(), pass, kShared) > 1);
            CHECK(shares(device.context.properties(), pass, kUnshared) == 1);
        }
        for_each_arithmetic([&](auto arithmetic) {
            using A = decltype(arithmetic);
            for (int parts : {1, 2, 4, 8, 15})
                for (const ConvShape& s : {kShared, kUnshared, kOdd})
                    check_epilogue<A>(device, s, parts);
        });
    });
}

TEST_CASE("the CPU's convolution has the same epilogue", "[conv]") {
    CpuContext context(2);
    for (const ConvShape& s : {kShared, kOdd}) {
        const Operands<float> o(s);
        const ConvReference exact(s, to_double(o.x), to_double(o.w), to_double(o.grad_y));
        const auto y_mask = to<float>(uniform(s.y_size(), 4)),
                   x_mask = to<float>(uniform(s.x_size(), 5));
        const auto c_bias = to<float>(uniform(s.C, 6));
        const ConvEpilogue<float> on_y{.bias = o.bias.data(),
                                       .slope = 0.125f,
                                       .mask = y_mask.data(),
                                       .mask_slope = 0.25f,
                                       .residual = o.grad_y.data()};
        const ConvEpilogue<float> on_x{.bias = c_bias.data(),
                                       .slope = 0.125f,
                                       .mask = x_mask.data(),
                                       .mask_slope = 0.25f,
                                       .residual = o.x.data()};
        Output<float> y(s.y_size()), grad_x(s.x_size());
        conv_forward(context,
                     ConvForwardArgs<float>{
                         .shape = s, .x = o.x.data(), .w = o.w.data(), .epilogue = on_y, .y = y});
        conv_dgrad(context, ConvDgradArgs<float>{.shape = s,
                                                 .grad_y = o.grad_y.data(),
                                                 .w = o.w.data(),
                                                 .epilogue = on_x,
                                                 .grad_x = grad_x});
        const auto want_y =
            with_epilogue(exact.y, on_y, to_double(o.bias), to_double(y_mask), to_double(o.grad_y));
        const auto want_x =
            with_epilogue(exact.grad_x, on_x, to_double(c_bias), to_double(x_mask), to_double(o.x));
        CHECK(excess<float, float>(y.get(), want_y) <= 1);
        CHECK(excess<float, float>(grad_x.get(), want_x) <= 1);
    }
}

namespace {

/// forward with a label bias against the textbook and the table, looked up pixel by pixel.
template <class A, class Device>
void check_label_bias(Device& device, const ConvShape& s) {
    using T = typename A::T;
    INFO(to_string(s));
    Problem<Device, A> p(device, s);
    const auto table = rounded<float>(uniform(s.N * s.R * s.S * s.K, 31));
    const ConvReference exact(s, p.x, p.w, p.grad_y);
    const auto klass = [&](int64_t i, int64_t extent) {
        return i < s.pad ? i : i > extent - 1 - s.pad ? i - (extent - s.R) : s.pad;
    };
    const auto entry = [&](int64_t n, int64_t a, int64_t b, int64_t k) {
        return table[((n * s.R + a) * s.S + b) * s.K + k];
    };
    const auto x = p.template in<T>(p.x), w = p.template in<T>(p.w);
    const auto bias = p.template in<float>(table);
    for (const bool relative : {false, true}) {
        Sums want = exact.y;
        for (int64_t i = 0; i < s.y_size(); ++i) {
            const int64_t k = i % s.K, column = i / s.K % s.Q(), row = i / s.K / s.Q() % s.P();
            const int64_t n = i / s.K / s.Q() / s.P();
            want.add(i, entry(n, klass(row, s.H), klass(column, s.W), k));
            if (relative) want.add(i, -entry(n, s.pad, s.pad, k));
        }
        auto y = device.template output<float>(s.y_size());
        auto space = p.workspace(ConvPass::forward);
        conv_forward(device.context, ConvForwardArgs<T, float, T>{.shape = s,
                                                                  .x = x,
                                                                  .w = w,
                                                                  .label_bias = bias,
                                                                  .label_bias_relative = relative,
                                                                  .y = y,
                                                                  .math = A::math,
                                                                  .workspace = space,
                                                                  .workspace_size = space.size()});
        CHECK(excess_of<A, float>(y.get(), want) <= 1);
    }
}

}  // namespace

TEST_CASE("labels as a bias equal labels as planes on devices", "[conv][devices]") {
    // Few channels in, few channels out, and neither.
    const ConvShape few_in{
        .N = 2, .H = 9, .W = 8, .C = 3, .K = 16, .R = 5, .S = 5, .stride = 1, .pad = 2};
    const ConvShape few_out{
        .N = 1, .H = 4, .W = 4, .C = 64, .K = 4, .R = 3, .S = 3, .stride = 1, .pad = 1};
    const ConvShape neither{
        .N = 2, .H = 4, .W = 5, .C = 6, .K = 7, .R = 3, .S = 3, .stride = 1, .pad = 1};
    for_each_accelerator([&](auto& device) {
        for_each_arithmetic([&](auto arithmetic) {
            for (const ConvShape& s : {few_in, few_out, neither})
                check_label_bias<decltype(arithmetic)>(device, s);
        });
    });
}

namespace {

/// A pass whose mask or residual is the result, against the same with an operand of its own.
template <class T, class Device>
void check_in_place(Device& device, const ConvShape& s, ConvPass pass, bool as_mask) {
    using W = std::conditional_t<Device::is_cpu, acc_t<T>, T>;
    const bool fprop = pass == ConvPass::forward;
    const int64_t size = fprop ? s.y_size() : s.x_size();
    const auto before = to<T>(uniform(size, 41));
    const auto from = device.input(to<T>(uniform(fprop ? s.x_size() : s.y_size(), 42)));
    const auto w = device.input(to<W>(uniform(s.w_size(), 43)));
    int64_t floats = 0;
    if constexpr (!Device::is_cpu) floats = conv_workspace<T>(device.context.properties(), pass, s);
    const auto run = [&](auto& result, const T* operand) {
        auto space = device.template output<float>(floats);
        ConvEpilogue<T> e{.slope = 0.5f};
        if (as_mask)
            e.mask = operand, e.mask_slope = 0.25f;
        else
            e.residual = operand;
        if (fprop)
            conv_forward(device.context, ConvForwardArgs<T, T, W>{.shape = s,
                                                                  .x = from,
                                                                  .w = w,
                                                                  .epilogue = e,
                                                                  .y = result,
                                                                  .workspace = space,
                                                                  .workspace_size = floats});
        else
            conv_dgrad(device.context, ConvDgradArgs<T, T, W>{.shape = s,
                                                              .grad_y = from,
                                                              .w = w,
                                                              .epilogue = e,
                                                              .grad_x = result,
                                                              .workspace = space,
                                                              .workspace_size = floats});
        return result.get();
    };
    auto apart = device.template output<T>(size);
    auto in_place = device.output(before);
    const auto other = device.input(before);
    CHECK(run(in_place, in_place) == run(apart, other));
}

template <class T, class Device>
void check_in_place(Device& device) {
    const ConvShape few{
        .N = 1, .H = 6, .W = 5, .C = 3, .K = 8, .R = 3, .S = 3, .stride = 1, .pad = 1};
    for (const ConvShape& s : {kShared, kUnshared, few})
        for (const ConvPass pass : {ConvPass::forward, ConvPass::dgrad})
            for (const bool as_mask : {false, true}) {
                INFO(to_string(pass)
                     << ", " << to_string(s) << (as_mask ? ", mask" : ", residual"));
                check_in_place<T>(device, s, pass, as_mask);
            }
}

}  // namespace

TEST_CASE("the mask or the residual may be the result itself", "[conv][devices]") {
    for_each_device([](auto& device) { check_in_place<float>(device); });
    for_each_accelerator([](auto& device) { check_in_place<bf16>(device); });
}
