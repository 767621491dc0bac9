#include "tests/conv_devices.h"

using namespace sg;
using namespace sg::testing;

// Convolution on the devices: all three passes in every arithmetic against the textbook in f64,
// over shapes that meet every version of the kernels.

namespace {

/// dgrad's phases need three launches.
const ConvShape kNinePhases{
    .N = 2, .H = 10, .W = 8, .C = 8, .K = 8, .R = 4, .S = 2, .stride = 3, .pad = 1};

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

}  // namespace

TEST_CASE("the devices' convolution equals the textbook loops", "[conv][devices]") {
    constexpr int64_t largest = 200'000;  // products: each costs the simulated device some 100 ns
    for_each_accelerator([&](auto& device) {
        for_each_arithmetic([&](auto arithmetic) {
            using A = decltype(arithmetic);
            for (const ConvShape& s : kLayers)
                if (products(s) <= 8 * largest) check_shape<A>(device, s);
            check_shape<A>(device, kNinePhases);
            for (uint32_t i = 0; i < 20; ++i) check_shape<A>(device, sample(i, largest));
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
    SimOptions options;
    options.processors = 1;
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
    const ConvShape wraps{.N = 1 << 16, .H = 1 << 16, .W = 1 << 16, .C = 1 << 16};  // 2^64 elements
    expect_error([&] { conv_workspace<bf16>(sim.properties(), ConvPass::wgrad, wraps); },
                 {"conv_wgrad", "2^31"});
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
    // 64 filters fill no tile of 128 rows.
    const ConvShape thin{
        .N = 16, .H = 64, .W = 64, .C = 64, .K = 64, .R = 3, .S = 3, .stride = 1, .pad = 1};
    CHECK(plan(ConvPass::wgrad, thin).tile == ConvTile::small);
    CHECK(conv_product(ConvPass::dgrad, d6).phases == 4);
    CHECK(conv_product(ConvPass::dgrad, d6).depth == 4 * 2048);
}
