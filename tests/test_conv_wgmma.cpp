#include "kernels/conv/gemm/plan.h"
#include "kernels/conv/wgmma/config.cuh"
#include "kernels/conv/wgmma/conv_wgmma.h"
#include "tests/conv_cases.h"
#include "tests/devices.h"
#include "tests/wgmma_cases.h"

using namespace sg;
using namespace sg::testing;

// Convolution by wgmma: where it is chosen, and on a Hopper GPU all of it.

namespace {

DeviceProperties device_of(int architecture) {
    return {.name = "test",
            .architecture = architecture,
            .processors = 132,
            .shared_per_block = 227 << 10,
            .max_cluster = 16};
}
const DeviceProperties hopper = device_of(90);

const ConvShape residual{.N = 16, .H = 32, .W = 32, .C = 256, .K = 256, .R = 3, .S = 3, .pad = 1};

ConvShape strided(int64_t H, int64_t C, int64_t K) {
    return {.N = 16, .H = H, .W = H, .C = C, .K = K, .R = 4, .S = 4, .stride = 2, .pad = 1};
}

}  // namespace

TEST_CASE("wgmma is for Hopper and for channels in groups of 64", "[wgmma]") {
    const auto takes = [](int architecture, ConvPass pass, const ConvShape& s) {
        return conv_wgmma_takes(device_of(architecture), pass, s);
    };
    for (const ConvPass pass : {ConvPass::forward, ConvPass::dgrad}) {
        CHECK(takes(90, pass, residual));
        CHECK(takes(90, pass, strided(128, 64, 128)));
        for (int other : {80, 86, 89, 100, 120}) CHECK_FALSE(takes(other, pass, residual));
        CHECK_FALSE(takes(90, pass, strided(128, 3, 64)));
        CHECK_FALSE(takes(90, pass, strided(128, 96, 128)));
        CHECK_FALSE(takes(90, pass, strided(128, 64, 5)));
        for (const ConvShape& s : kWgmmaShapes) CHECK(takes(90, pass, s));
        for (const ConvShape& s : kLayers) CHECK_FALSE(takes(90, pass, s));
    }
    CHECK_FALSE(takes(90, ConvPass::wgrad, residual));
    DeviceProperties little = hopper;
    little.shared_per_block = 100 << 10;
    CHECK_FALSE(conv_wgmma_takes(little, ConvPass::forward, residual));
}

TEST_CASE("wgmma is chosen where its blocks keep the processors busy", "[wgmma]") {
    const auto chosen = [](ConvPass pass, const ConvShape& s, ConvWgmma wgmma) {
        return conv_wgmma_chosen(hopper, pass, s, wgmma);
    };
    const auto few = strided(4, 1024, 2048);  // 64 rows: mma.sync splits the depth
    for (const ConvPass pass : {ConvPass::forward, ConvPass::dgrad}) {
        CHECK(conv_wgmma_plan(hopper, pass, residual).tile_n == 256);
        CHECK(chosen(pass, residual, ConvWgmma::automatic));
        CHECK(chosen(pass, strided(64, 128, 256), ConvWgmma::automatic));
        CHECK_FALSE(chosen(pass, few, ConvWgmma::automatic));
        CHECK(chosen(pass, few, ConvWgmma::always));
        CHECK_FALSE(chosen(pass, residual, ConvWgmma::never));
        CHECK_FALSE(chosen(pass, strided(128, 3, 64), ConvWgmma::always));
        CHECK_FALSE(conv_wgmma_chosen(device_of(100), pass, residual, ConvWgmma::always));
        for (const ConvShape& s : kWgmmaShapes) {
            const auto product = conv_product(pass, s);
            CHECK(product.n % conv_wgmma_plan(hopper, pass, s).tile_n == 0);
        }
    }
    DeviceProperties unwanted = hopper;
    unwanted.wgmma = false;
    CHECK_FALSE(conv_wgmma_chosen(unwanted, ConvPass::forward, residual, ConvWgmma::automatic));
    CHECK(conv_wgmma_chosen(unwanted, ConvPass::forward, residual, ConvWgmma::always));
    const size_t largest = WgmmaConfig<256, Contiguous::side>::shared_bytes;
    for (const int spare : {0, 1000}) {  // the plan's bound and the kernel's need agree
        DeviceProperties device = hopper;
        device.shared_per_block = largest - 1 + size_t(spare);
        CHECK(conv_wgmma_takes(device, ConvPass::forward, residual) == (spare > 0));
    }
}

namespace {

/// Both passes on a GPU.
template <class Device>
struct OnGpu {
    Device& device;
    const ConvShape& s;
    const WgmmaNumbers& numbers;

    template <class Out>
    std::vector<double> forward(ConvWgmma wgmma, const ConvEpilogue<bf16>& epilogue = {}) {
        auto y = device.template output<Out>(s.y_size());
        auto space = workspace(ConvPass::forward);
        const auto x = device.input(to<bf16>(numbers.x)), w = device.input(to<bf16>(numbers.w));
        conv_forward(device.context,
                     ConvForwardArgs<bf16, Out, bf16>{.shape = s,
                                                      .x = x,
                                                      .w = w,
                                                      .epilogue = epilogue,
                                                      .y = y,
                                                      .wgmma = wgmma,
                                                      .workspace = space,
                                                      .workspace_size = space.size()});
        return y.get();
    }
    template <class Out>
    std::vector<double> dgrad(ConvWgmma wgmma) {
        auto grad_x = device.template output<Out>(s.x_size());
        auto space = workspace(ConvPass::dgrad);
        const auto grad_y = device.input(to<bf16>(numbers.grad_y)),
                   w = device.input(to<bf16>(numbers.w));
        conv_dgrad(device.context, ConvDgradArgs<bf16, Out, bf16>{.shape = s,
                                                                  .grad_y = grad_y,
                                                                  .w = w,
                                                                  .grad_x = grad_x,
                                                                  .wgmma = wgmma,
                                                                  .workspace = space,
                                                                  .workspace_size = space.size()});
        return grad_x.get();
    }
    auto workspace(ConvPass pass) {
        return device.template output<float>(
            conv_workspace<bf16>(device.context.properties(), pass, s));
    }
};

template <class Device>
bool has_wgmma(Device& device) {
    if (device.context.properties().architecture == 90) return true;
    WARN("not run: " << device.context.properties().name << " has no wgmma");
    return false;
}

}  // namespace

TEST_CASE("wgmma's convolution equals the textbook loops", "[wgmma][conv][devices]") {
    std::vector<ConvShape> shapes = kWgmmaShapes;
    shapes.push_back({.N = 2, .H = 9, .W = 9, .C = 256, .K = 256, .R = 3, .S = 3, .pad = 1});
    shapes.push_back({.N = 1, .H = 5, .W = 5, .C = 320, .K = 192, .R = 3, .S = 3, .pad = 1});
    for_gpu([&](auto& device) {
        if (!has_wgmma(device)) return;
        for (const ConvShape& s : shapes) {
            CAPTURE(to_string(s));
            const WgmmaNumbers numbers(s);
            const ConvReference exact(s, numbers.x, numbers.w, numbers.grad_y);
            OnGpu<std::remove_reference_t<decltype(device)>> gpu{device, s, numbers};
            CHECK(excess_of(gpu.template forward<float>(ConvWgmma::always), exact.y) <= 1);
            CHECK(excess_of(gpu.template dgrad<float>(ConvWgmma::always), exact.grad_x) <= 1);
        }
    });
}

TEST_CASE("wgmma and mma.sync agree on whole layers", "[wgmma][conv][devices]") {
    for_gpu([&](auto& device) {
        if (!has_wgmma(device)) return;
        for (const ConvShape& s : {residual, strided(64, 128, 256), strided(128, 64, 128)}) {
            CAPTURE(to_string(s));
            const WgmmaNumbers numbers(s);
            OnGpu<std::remove_reference_t<decltype(device)>> gpu{device, s, numbers};
            const auto bias = device.input(to<float>(uniform(s.K, 4)));
            const auto residuals = device.input(to<bf16>(uniform(s.y_size(), 5)));
            const ConvEpilogue<bf16> epilogue{.bias = bias, .slope = 0.01f, .residual = residuals};
            const auto y = [&](ConvWgmma wgmma) {
                return gpu.template forward<bf16>(wgmma, epilogue);
            };
            CHECK(max_error(y(ConvWgmma::always), y(ConvWgmma::never)) <
                  0x1p-7);  // one rounding of the largest
            const auto grad_x = [&](ConvWgmma wgmma) { return gpu.template dgrad<float>(wgmma); };
            CHECK(max_error(grad_x(ConvWgmma::always), grad_x(ConvWgmma::never)) < 1e-5);
        }
    });
}
