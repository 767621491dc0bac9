#include "kernels/conv/gemm/plan.h"
#include "tests/conv_cases.h"
#include "tests/devices.h"

using namespace sg;
using namespace sg::testing;

// Convolution on the devices: all three passes in every arithmetic against the textbook in f64,
// over shapes that meet every version of the kernels.

namespace {

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

template <class A, class Device>
void check_shape(Device& device, const ConvShape& s) {
    using T = typename A::T;
    Problem<Device, A> p(device, s);
    const ConvReference exact(s, p.x, p.w, p.grad_y);
    INFO(to_string(s));
    CHECK(excess_of<A, T>(p.template forward<T>(), exact.y) <= 1);
    CHECK(excess_of<A, float>(p.template dgrad<float>(), exact.grad_x) <= 1);
    CHECK(excess_of<A, float>(p.wgrad(), exact.grad_w) <= 1);
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

template <class Body>
void for_each_accelerator(const Body& body) {
    for_each_sim(body);
    for_gpu(body);
}

}  // namespace

namespace {

/// dgrad's phases need three launches.
const ConvShape kNinePhases{
    .N = 2, .H = 10, .W = 8, .C = 8, .K = 8, .R = 4, .S = 2, .stride = 3, .pad = 1};

}  // namespace

TEST_CASE("the devices' convolution equals the textbook loops", "[conv][devices]") {
    constexpr int64_t largest = 200'000;  // products: each costs the simulated device some 100 ns
    for_each_accelerator([&](auto& device) {
        for_each_arithmetic([&](auto arithmetic) {
            using A = decltype(arithmetic);
            for (const ConvShape& s : kLayers)
                if (products(s) <= 8 * largest) check_shape<A>(device, s);
            check_shape<A>(device, kNinePhases);
            for (uint32_t i = 0; i < 30; ++i) check_shape<A>(device, sample(i, largest));
        });
    });
}

TEST_CASE("every tile of the product is right, whole and cut off", "[conv][devices]") {
    // A device of one processor gains nothing by small tiles, so the plans are those of large work.
    const ConvShape wide{
        .N = 2, .H = 10, .W = 11, .C = 248, .K = 248, .R = 2, .S = 1, .stride = 1, .pad = 1};
    const ConvShape tall{
        .N = 3, .H = 31, .W = 30, .C = 64, .K = 64, .R = 2, .S = 2, .stride = 2, .pad = 1};
    const auto tile = [](const auto& device, ConvPass pass, const ConvShape& s, auto arithmetic) {
        using A = decltype(arithmetic);
        return conv_plan(device.context.properties(), pass, s,
                         conv_arithmetic<typename A::T>(A::math))
            .tile;
    };
    for (const bool backward : {false, true}) {
        SimOptions options;
        options.processors = 1;
        options.order = backward ? ThreadOrder::backward : ThreadOrder::forward;
        HostDevice<SimContext> device{SimContext(options), "one processor", true};
        for_each_arithmetic([&](auto arithmetic) {
            using A = decltype(arithmetic);
            for (ConvPass pass : {ConvPass::forward, ConvPass::dgrad, ConvPass::wgrad})
                CHECK(tile(device, pass, wide, arithmetic) == ConvTile::large);
            check_shape<A>(device, wide);
            if constexpr (std::is_same_v<A, Bf16>) {
                CHECK(tile(device, ConvPass::forward, tall, arithmetic) == ConvTile::tall);
                CHECK(tile(device, ConvPass::dgrad, tall, arithmetic) == ConvTile::tall);
            }
            check_shape<A>(device, tall);
        });
    }
}

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

const ConvShape kShared{
    .N = 1, .H = 4, .W = 4, .C = 64, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1};
const ConvShape kUnshared{
    .N = 1, .H = 12, .W = 11, .C = 8, .K = 16, .R = 1, .S = 1, .stride = 1, .pad = 0};
const ConvShape kOdd{
    .N = 2, .H = 5, .W = 7, .C = 5, .K = 11, .R = 3, .S = 2, .stride = 2, .pad = 1};

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

TEST_CASE("convolution on devices does not depend on the order of threads", "[conv][devices]") {
    SimOptions options;
    options.check_races = true;
    for_each_arithmetic([&](auto arithmetic) {
        using A = decltype(arithmetic);
        for (const ConvShape& s : {kShared, kOdd}) {
            HostDevice<SimContext> device{SimContext(options), "races", true};
            Problem<HostDevice<SimContext>, A> p(device, s);
            const auto y = p.template forward<float>(), grad_x = p.template dgrad<float>();
            const auto grad_w = p.wgrad();
            for (ThreadOrder order : {ThreadOrder::backward, ThreadOrder::shuffled}) {
                device.context.options.order = order;
                CHECK(p.template forward<float>() == y);
                CHECK(p.template dgrad<float>() == grad_x);
                CHECK(p.wgrad() == grad_w);
            }
        }
    });
}

TEST_CASE("shared memory is read and written without bank conflicts", "[conv][devices]") {
    const ConvShape s{
        .N = 1, .H = 8, .W = 16, .C = 128, .K = 128, .R = 1, .S = 1, .stride = 1, .pad = 0};
    for (const int processors : {1, 132}) {  // large and small tiles
        SimOptions options;
        options.count = true;
        options.processors = processors;
        HostDevice<SimContext> device{SimContext(options), "counts", true};
        for_each_arithmetic([&](auto arithmetic) {
            Problem<HostDevice<SimContext>, decltype(arithmetic)> p(device, s);
            p.template forward<float>(), p.template dgrad<float>(), p.wgrad();
        });
        for (const LaunchCounts& launch : device.context.launches) {
            INFO(launch.kernel << " on " << processors << " processors, blocks of "
                               << launch.block.x << ": " << launch.shared_loads.wavefronts
                               << " wavefronts to load, " << launch.shared_stores.wavefronts
                               << " to store");
            // The thin tile's sums lie so that they are written without conflicts, not read.
            const bool thin = launch.block.x == 64;
            CHECK(launch.shared_loads.conflicts <=
                  (thin ? launch.shared_loads.wavefronts / 16 : 0));
            CHECK(launch.shared_stores.conflicts == 0);
        }
    }
}

TEST_CASE("labels as a bias equal labels as planes on devices", "[conv][devices]") {
    for_each_accelerator([&](auto& device) {
        for_each_arithmetic([&](auto arithmetic) {
            using A = decltype(arithmetic);
            using T = typename A::T;
            const ConvShape s{
                .N = 2, .H = 9, .W = 8, .C = 3, .K = 16, .R = 5, .S = 5, .stride = 1, .pad = 2};
            Problem<std::decay_t<decltype(device)>, A> p(device, s);
            const auto table = rounded<float>(uniform(s.N * s.R * s.S * s.K, 31));
            ConvReference exact(s, p.x, p.w, p.grad_y);
            const auto klass = [&](int64_t i, int64_t extent) {
                return i < s.pad ? i : i > extent - 1 - s.pad ? i - (extent - s.R) : s.pad;
            };
            const auto entry = [&](int64_t n, int64_t a, int64_t b, int64_t k) {
                return table[((n * s.R + a) * s.S + b) * s.K + k];
            };
            for (const bool relative : {false, true}) {
                Sums want = exact.y;
                for (int64_t i = 0; i < s.y_size(); ++i) {
                    const int64_t k = i % s.K, w = i / s.K % s.Q(), h = i / s.K / s.Q() % s.P();
                    const int64_t n = i / s.K / s.Q() / s.P();
                    want.add(i, entry(n, klass(h, s.H), klass(w, s.W), k));
                    if (relative) want.add(i, -entry(n, s.pad, s.pad, k));
                }
                auto y = device.template output<float>(s.y_size());
                auto space = p.workspace(ConvPass::forward);
                const auto x = p.template in<T>(p.x), w = p.template in<T>(p.w);
                const auto bias = p.template in<float>(table);
                conv_forward(device.context,
                             ConvForwardArgs<T, float, T>{.shape = s,
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
        });
    });
}

TEST_CASE("devices refuse convolutions that they cannot run", "[conv][devices]") {
    SimContext sim;
    std::vector<float> memory(4096);
    float* p = memory.data();
    ConvForwardArgs<float> args{.shape = kShared, .x = p, .w = p, .y = p};
    const auto run = [&] { conv_forward(sim, args); };
    const auto needed = conv_workspace<float>(sim.properties(), ConvPass::forward, kShared);
    expect_error(run,
                 {"conv_forward", "workspace", fmt::format("{}", needed), "got 0", "[1,4,4,64]"});
    args.workspace = p, args.workspace_size = needed - 1;
    expect_error(run, {"workspace", fmt::format("got {}", needed - 1)});
    args.shape = kUnshared;
    args.w = reinterpret_cast<float*>(reinterpret_cast<char*>(p) + 2);
    expect_error(run, {"conv_forward", "w is at", "multiples of 4", "[1,12,11,8]"});
    args.w = nullptr;
    expect_error(run, {"conv_forward", "w is null"});
    args.w = p;
    args.label_bias = p;
    args.epilogue.slope = 0.5f;
    expect_error(run, {"conv_forward", "label bias", "exclude"});
    args.epilogue.slope = 1;
    args.shape.stride = 2;
    expect_error(run, {"conv_forward", "label bias", "odd square kernel", "stride 2"});
    args.label_bias = nullptr;
    args.shape.N = 1 << 22, args.shape.H = 64;
    expect_error(run, {"conv_forward", "2^31", "[4194304,64,11,8]"});
}

TEST_CASE("plans fill the processors", "[conv]") {
    const DeviceProperties h200 = SimContext().properties();
    const ConvShape residual{
        .N = 16, .H = 32, .W = 32, .C = 256, .K = 256, .R = 3, .S = 3, .stride = 1, .pad = 1};
    const ConvShape d6{
        .N = 16, .H = 4, .W = 4, .C = 1024, .K = 2048, .R = 4, .S = 4, .stride = 2, .pad = 1};
    const auto plan = [&](ConvPass pass, const ConvShape& s) {
        return conv_plan(h200, pass, s, ConvArithmetic::bf16);
    };
    for (ConvPass pass : {ConvPass::forward, ConvPass::dgrad})
        CHECK(plan(pass, residual) == ConvPlan{ConvTile::large, 1});  // 256 tiles, two a processor
    CHECK(plan(ConvPass::wgrad, residual).shares > 4);                // 36 tiles, 16384 pixels
    CHECK(plan(ConvPass::forward, d6).shares > 1);                    // 32 small tiles
    CHECK(conv_product(ConvPass::dgrad, d6).phases == 4);
    CHECK(conv_product(ConvPass::dgrad, d6).depth == 4 * 2048);
}
