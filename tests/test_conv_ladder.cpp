#include "kernels/conv/ladder/ladder.h"
#include "tests/conv_cases.h"
#include "tests/conv_excess.h"
#include "tests/devices.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// Operands of all passes as devices take them, and the exact results.
template <class T>
struct LadderCase {
    ConvShape shape;
    std::vector<T> x, w, grad_y;
    std::vector<float> bias;
    ConvReference want;

    explicit LadderCase(const ConvShape& s)
        : shape(s),
          x(to<T>(uniform(s.x_size(), 7))),
          w(to<T>(uniform(s.w_size(), 9))),
          grad_y(to<T>(uniform(s.y_size(), 8))),
          bias(to<float>(uniform(s.K, 10))),
          want(s, to_double(x), to_double(w), to_double(grad_y)) {}
};

template <class T, class Device>
auto workspace_of(Device& device, ConvPass pass, int version, const ConvShape& s) {
    return device.template output<float>(
        conv_version_workspace<T>(device.context.properties(), pass, version, s));
}

template <class Out, class T, class Device>
std::vector<double> run_forward(Device& device, int version, const LadderCase<T>& in,
                                bool bias = false) {
    const ConvShape& s = in.shape;
    const auto x = device.input(in.x), w = device.input(in.w);
    const auto biases = device.input(bias ? in.bias : std::vector<float>());
    auto y = device.template output<Out>(s.y_size());
    auto workspace = workspace_of<T>(device, ConvPass::forward, version, s);
    conv_forward_version(device.context, version,
                         ConvForwardArgs<T, Out, T>{.shape = s,
                                                    .x = x,
                                                    .w = w,
                                                    .epilogue = {.bias = biases},
                                                    .y = y,
                                                    .workspace = workspace,
                                                    .workspace_size = workspace.size()});
    return y.get();
}

template <class Out, class T, class Device>
std::vector<double> run_dgrad(Device& device, int version, const LadderCase<T>& in) {
    const ConvShape& s = in.shape;
    const auto grad_y = device.input(in.grad_y), w = device.input(in.w);
    auto grad_x = device.template output<Out>(s.x_size());
    auto workspace = workspace_of<T>(device, ConvPass::dgrad, version, s);
    conv_dgrad_version(device.context, version,
                       ConvDgradArgs<T, Out, T>{.shape = s,
                                                .grad_y = grad_y,
                                                .w = w,
                                                .grad_x = grad_x,
                                                .workspace = workspace,
                                                .workspace_size = workspace.size()});
    return grad_x.get();
}

template <class T, class Device>
std::vector<double> run_wgrad(Device& device, int version, const LadderCase<T>& in) {
    const ConvShape& s = in.shape;
    const auto x = device.input(in.x), grad_y = device.input(in.grad_y);
    auto grad_w = device.template output<float>(s.w_size());
    auto workspace = workspace_of<T>(device, ConvPass::wgrad, version, s);
    conv_wgrad_version(device.context, version,
                       ConvWgradArgs<T>{.shape = s,
                                        .x = x,
                                        .grad_y = grad_y,
                                        .grad_w = grad_w,
                                        .workspace = workspace,
                                        .workspace_size = workspace.size()});
    return grad_w.get();
}

/// Version 5 is for bf16; wgmma has tests of its own (test_conv_wgmma.cpp).
template <class T>
bool runs(const LadderVersion& v) {
    return std::string(v.name) != "wgmma" &&
           (std::is_same_v<T, bf16> || v.name != std::string("tensor cores"));
}

template <class T, class Device>
void check_shape(Device& device, const ConvShape& s) {
    INFO(to_string(s));
    const LadderCase<T> in(s);
    ConvReference biased = in.want;
    biased.add_bias(to_double(in.bias));
    for (const LadderVersion& v : conv_forward_ladder()) {
        if (!runs<T>(v)) continue;
        CAPTURE(v.version);
        CHECK(excess<float, T>(run_forward<T>(device, v.version, in), in.want.y) <= 1);
        CHECK(excess<float, float>(run_forward<float>(device, v.version, in, true), biased.y) <= 1);
    }
    for (const LadderVersion& v : conv_dgrad_ladder())
        if (runs<T>(v))
            CHECK(excess<float, T>(run_dgrad<T>(device, v.version, in), in.want.grad_x) <= 1);
    for (const LadderVersion& v : conv_wgrad_ladder())
        CHECK(excess<float, float>(run_wgrad(device, v.version, in), in.want.grad_w) <= 1);
}

/// Counts of one launch of forward.
template <class T>
LaunchCounts count_forward(int version, const ConvShape& s) {
    SimOptions options;
    options.count = true;
    HostDevice<SimContext> device{SimContext(options), "sim", true};
    run_forward<T>(device, version, LadderCase<T>(s));
    REQUIRE(device.context.launches.size() == 1);
    return device.context.launches[0];
}

constexpr ConvShape residual{
    .N = 1, .H = 8, .W = 16, .C = 64, .K = 64, .R = 3, .S = 3, .stride = 1, .pad = 1};

}  // namespace

TEST_CASE("every version of convolution's ladder computes the same", "[conv_ladder]") {
    std::vector<ConvShape> shapes = {kLayers[1], kLayers[7]};
    for (uint32_t i = 200; i < 206; ++i) shapes.push_back(sample(i));
    for_each_accelerator([&](auto& device) {
        for (const ConvShape& s : shapes)
            for_each_type([&](auto type) { check_shape<decltype(type)>(device, s); });
    });
}

TEST_CASE("convolution's ladder takes awkward sizes", "[conv_ladder]") {
    const std::vector<ConvShape> shapes = {
        {.N = 1, .H = 1, .W = 1, .C = 1, .K = 1, .R = 1, .S = 1, .stride = 1, .pad = 0},
        {.N = 3, .H = 5, .W = 4, .C = 7, .K = 9, .R = 5, .S = 2, .stride = 3, .pad = 4},
        {.N = 1, .H = 9, .W = 15, .C = 12, .K = 65, .R = 2, .S = 3, .stride = 2, .pad = 1},
        {.N = 2, .H = 3, .W = 70, .C = 24, .K = 33, .R = 1, .S = 1, .stride = 5, .pad = 0},
        {.N = 1, .H = 20, .W = 22, .C = 2, .K = 2, .R = 20, .S = 22, .stride = 1, .pad = 1}};
    for_each_accelerator([&](auto& device) {
        for (const ConvShape& s : shapes)
            for_each_type([&](auto type) { check_shape<decltype(type)>(device, s); });
    });
}

TEST_CASE("convolution's ladder has no races", "[conv_ladder]") {
    SimOptions options;
    options.check_races = true;
    HostDevice<SimContext> device{SimContext(options), "sim", true};
    check_shape<float>(
        device, {.N = 1, .H = 7, .W = 6, .C = 20, .K = 18, .R = 3, .S = 3, .stride = 1, .pad = 1});
    check_shape<bf16>(
        device, {.N = 1, .H = 7, .W = 6, .C = 16, .K = 18, .R = 3, .S = 3, .stride = 2, .pad = 1});
}

TEST_CASE("counts show what each version of convolution's ladder gains", "[conv_ladder]") {
    const LaunchCounts direct = count_forward<float>(1, residual);
    const LaunchCounts shared = count_forward<float>(2, residual);
    const LaunchCounts gemm = count_forward<float>(3, residual);
    const LaunchCounts pieces = count_forward<float>(4, residual);
    const int64_t products = residual.y_size() * 9 * 64, border = 2 * (8 + 16) * 3 - 4;
    const int64_t inside = products - border * 64 * 64;

    // Two loads for each product that meets the image; 32 lanes read one x, and 32 sectors of w.
    CHECK(direct.global_loads.bytes == 2 * 4 * inside);
    CHECK(direct.global_loads.sectors == inside / 32 * (1 + 32));
    CHECK(direct.barriers == 0);

    // 2 tiles of 8x8 pixels, 4 groups of 16 filters, 8 slices of 8 channels.
    CHECK(shared.barriers == 2 * 4 * 8 * 2);
    CHECK(shared.global_loads.sectors < direct.global_loads.sectors / 20);

    // 4 x 2 blocks of 32 warps, 18 steps: a warp reads 2 x 32 times, a wavefront each.
    CHECK(gemm.barriers == 4 * 2 * 18 * 2);
    CHECK(gemm.shared_loads.wavefronts == 4 * 2 * 32 * 18 * 2 * 32);
    CHECK(gemm.shared_loads.conflicts == 0);
    CHECK(gemm.shared_stores.conflicts == 0);

    // One block of 4 warps, 36 steps of 16 columns: a thread loads 8 + 8 vectors for 4 columns, and
    // a warp's load of 16 bytes takes 4 wavefronts.
    CHECK(pieces.barriers == 36 * 2);
    CHECK(pieces.shared_loads.instructions == 4 * 36 * 4 * 16);
    CHECK(pieces.shared_loads.wavefronts == 4 * pieces.shared_loads.instructions);
    CHECK(pieces.shared_stores.wavefronts == 4 * 36 * 6 * 4);
    CHECK(pieces.global_loads.sectors < gemm.global_loads.sectors * 3 / 4);
    CHECK(pieces.global_loads.efficiency() > 0.99);
}

TEST_CASE("the tensor core version's shared memory has no bank conflicts", "[conv_ladder]") {
    const LaunchCounts counts = count_forward<bf16>(5, residual);
    // One block of 4 warps, 9 steps of 64 columns: 4 times 4 + 2 load_matrices and 16 products.
    CHECK(counts.barriers == 9 * 2);
    CHECK(counts.collectives == 4 * 9 * 4 * (4 + 2 + 16));
    CHECK(counts.shared_loads.instructions == 4 * 9 * 4 * (4 + 2));
    CHECK(counts.shared_loads.wavefronts == 4 * counts.shared_loads.instructions);
    CHECK(counts.shared_stores.wavefronts == 4 * 9 * 12 * 4);
    CHECK(counts.global_loads.efficiency() > 0.99);
}

TEST_CASE("convolution's ladder says what it cannot do", "[conv_ladder]") {
    HostDevice<SimContext> device{SimContext(), "sim", true};
    const ConvShape one{};
    const LadderCase<float> in(one);
    expect_error([&] { run_forward<float>(device, 9, in); }, {"conv_forward", "no version 9"});
    expect_error([&] { run_dgrad<float>(device, 0, in); }, {"conv_dgrad", "no version 0"});
    expect_error([&] { run_wgrad(device, 9, in); }, {"conv_wgrad", "no version 9"});
    expect_error([&] { run_forward<float>(device, 5, in); }, {"version 5 multiplies bf16"});
    const LadderCase<float> tall({.H = 300, .W = 300, .R = 300, .S = 300});
    expect_error([&] { run_forward<float>(device, 2, tall); },
                 {"conv_forward_v2_kernel", "307 x 307", "bytes of shared memory"});
    ConvForwardArgs<float, float, float> args{.shape = one, .x = {}, .w = {}, .y = {}};
    args.shape.H = args.shape.W = int64_t{1} << 16;
    expect_error([&] { conv_forward_version(device.context, 1, args); }, {"2^31 - 256 elements"});
    args.shape = {.stride = int64_t{1} << 33, .pad = int64_t{1} << 31};
    expect_error([&] { conv_forward_version(device.context, 1, args); }, {"2^31 - 256"});
}
