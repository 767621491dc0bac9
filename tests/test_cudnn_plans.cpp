#include <algorithm>
#include <set>

#include "kernels/cudnn/conv_provider.h"
#include "tests/cudnn.h"

using namespace sg;
using namespace sg::testing;

// What cuDNN can convolve, asked without a GPU: plans for described ones.

namespace {

struct Layer {
    const char* name;
    ConvShape shape;
};
/// The paper's generator and discriminator for 128 x 128 pixels. Transposed convolutions are the
/// dgrad of the shape that mirrors them, which is also a layer: up1 of down2, up2 of down1.
std::vector<Layer> layers() {
    std::vector<Layer> all = {
        {"stem",
         {.N = 16, .H = 128, .W = 128, .C = 8, .K = 64, .R = 7, .S = 7, .stride = 1, .pad = 3}},
        {"down1",
         {.N = 16, .H = 128, .W = 128, .C = 64, .K = 128, .R = 4, .S = 4, .stride = 2, .pad = 1}},
        {"down2",
         {.N = 16, .H = 64, .W = 64, .C = 128, .K = 256, .R = 4, .S = 4, .stride = 2, .pad = 1}},
        {"res",
         {.N = 16, .H = 32, .W = 32, .C = 256, .K = 256, .R = 3, .S = 3, .stride = 1, .pad = 1}},
        {"head",
         {.N = 16, .H = 128, .W = 128, .C = 64, .K = 3, .R = 7, .S = 7, .stride = 1, .pad = 3}}};
    constexpr const char* names[] = {"D1", "D2", "D3", "D4", "D5", "D6"};
    for (const int64_t N : {16, 48}) {
        ConvShape s{
            .N = N, .H = 128, .W = 128, .C = 3, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1};
        for (const char* name : names) {
            all.push_back({name, s});
            s.C = s.K;
            s.K *= 2;
            s.H = s.W = s.H / 2;
        }
        s.R = s.S = 3;
        s.K = s.stride = 1;
        all.push_back({"Dsrc", s});
        s.R = s.S = 2;
        s.pad = 0;
        s.K = 5;
        all.push_back({"Dcls", s});
    }
    return all;
}

/// Calls that are one operation. cuDNN brings kernels for them.
std::vector<ConvCall> plain_calls(const ConvShape& shape) {
    std::vector<ConvCall> calls;
    for (const auto arithmetic : {ConvArithmetic::f32, ConvArithmetic::tf32, ConvArithmetic::bf16})
        for (const auto pass : {ConvPass::forward, ConvPass::dgrad, ConvPass::wgrad})
            if (pass != ConvPass::wgrad || arithmetic != ConvArithmetic::bf16)
                calls.push_back({.pass = pass, .shape = shape, .arithmetic = arithmetic});
    return calls;
}

/// Calls that are several. cuDNN compiles kernels for them.
std::vector<ConvCall> fused_calls(const ConvShape& shape) {
    const ConvCall bf16{.shape = shape, .arithmetic = ConvArithmetic::bf16};
    std::vector<ConvCall> calls(7, bf16);
    for (int i = 0; i < 3; ++i) {
        calls[i].arithmetic = ConvArithmetic(i);
        calls[i].bias = true;
        calls[i].slope = 0.01f;
    }
    calls[3].wide_result = true;
    calls[4].pass = calls[5].pass = ConvPass::dgrad;
    calls[4].wide_result = true;
    calls[5].bias = true;
    calls[6].pass = ConvPass::wgrad;
    return calls;
}

/// The exceptions, which are the same for every architecture: where dgrad and wgrad are fused,
/// layers with 1, 3 or 5 channels on one side. (forward of the same layers has plans.)
bool has_no_plan(const Layer& layer, const ConvCall& call) {
    return std::set<std::string>{"head", "D1", "Dsrc", "Dcls"}.contains(layer.name) &&
           call.arithmetic == ConvArithmetic::bf16 && call.pass != ConvPass::forward;
}

ConvShape res_shape() {
    return layers()[3].shape;
}

}  // namespace

TEST_CASE("cuDNN has a plan for every layer, pass and arithmetic", "[cudnn]") {
    if (!cudnn_usable()) return;
    for (const int architecture : kDescribed) {
        CudnnConvProvider provider(CudnnTarget::described(architecture), 1);
        for (const Layer& layer : layers())
            for (const ConvCall& call : plain_calls(layer.shape)) {
                INFO(architecture << ", " << layer.name << ": " << to_string(call));
                const auto names = provider.candidates(call);
                REQUIRE(names.size() == 1);
                CHECK(provider.build(call, names[0])->workspace_bytes() >= 0);
            }
    }
}

// All layers take minutes, because cuDNN compiles to see whether a fused kernel works:
//   SG_CUDNN_ALL=1 sg_tests "cuDNN fuses*"
TEST_CASE("cuDNN fuses bias, LeakyReLU and conversion to f32, but for few channels", "[cudnn]") {
    if (!cudnn_compiles()) return;
    const bool all = std::getenv("SG_CUDNN_ALL") != nullptr;
    for (const int architecture : kDescribed) {
        CudnnConvProvider provider(CudnnTarget::described(architecture), 1);
        for (const Layer& layer : layers()) {
            const std::string name = layer.name;
            if (!all && (layer.shape.N != 16 || (name != "head" && name != "D1"))) continue;
            for (const ConvCall& call : fused_calls(layer.shape)) {
                INFO(architecture << ", " << name << ": " << to_string(call));
                CHECK(provider.candidates(call).empty() == has_no_plan(layer, call));
            }
        }
    }
}

TEST_CASE("cuDNN's fused plans can be built for every architecture", "[cudnn]") {
    if (!cudnn_compiles()) return;
    // bf16 to f32 is how weights' gradients become f32, which cuDNN's own kernels do not offer.
    const ConvCall call{
        .pass = ConvPass::wgrad, .shape = res_shape(), .arithmetic = ConvArithmetic::bf16};
    for (const int architecture : kDescribed) {
        INFO(architecture);
        CudnnConvProvider provider(CudnnTarget::described(architecture), 1);
        const auto names = provider.candidates(call);
        REQUIRE(names.size() == 1);
        CHECK(provider.build(call, names[0])->workspace_bytes() >= 0);
    }
}

TEST_CASE("cuDNN's candidates are stable and few if few are asked for", "[cudnn]") {
    if (!cudnn_usable()) return;
    const ConvCall call{.shape = res_shape(), .arithmetic = ConvArithmetic::tf32};
    CudnnConvProvider provider(CudnnTarget::described(90));
    const auto names = provider.candidates(call);
    CHECK(names.size() > 5);
    CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
    CHECK(names == provider.candidates(call));
    CHECK(names == CudnnConvProvider(CudnnTarget::described(90)).candidates(call));
    const auto three = CudnnConvProvider(CudnnTarget::described(90), 3).candidates(call);
    CHECK(three == std::vector(names.begin(), names.begin() + 3));
    CHECK(provider.version().starts_with("9."));
    CHECK(std::string(provider.name()) == "cudnn");
}

TEST_CASE("cuDNN's engines for f32 are not those for tf32", "[cudnn]") {
    if (!cudnn_usable()) return;
    for (const int architecture : kDescribed) {
        INFO(architecture);
        CudnnConvProvider provider(CudnnTarget::described(architecture));
        const ConvCall strict{.shape = res_shape(), .arithmetic = ConvArithmetic::f32};
        ConvCall rounded = strict;
        rounded.arithmetic = ConvArithmetic::tf32;
        const auto in_f32 = provider.candidates(strict), in_tf32 = provider.candidates(rounded);
        CHECK(in_f32.size() < in_tf32.size());
        // What works in f32 works where tf32 will do; the other way round it is refused by name.
        for (const std::string& name : in_f32) CHECK_NOTHROW(provider.build(rounded, name));
        const auto is_new = [&](const std::string& name) {
            return std::find(in_f32.begin(), in_f32.end(), name) == in_f32.end();
        };
        const auto other = std::find_if(in_tf32.begin(), in_tf32.end(), is_new);
        REQUIRE(other != in_tf32.end());
        expect_error([&] { provider.build(strict, *other); },
                     {"cudnn: ", to_string(strict), *other + " is not acceptable: tensor cores"});
    }
}

TEST_CASE("cuDNN's refusals say what and why", "[cudnn]") {
    if (!cudnn_usable()) return;
    CudnnConvProvider provider(CudnnTarget::described(90));
    const ConvCall call{.shape = res_shape(), .arithmetic = ConvArithmetic::bf16};
    const auto names = provider.candidates(call);
    REQUIRE(!names.empty());
    const auto built = provider.build(call, names[0]);
    expect_error([&] { built->run({}, nullptr); },
                 {to_string(call), "plans for a described GPU cannot run"});
    expect_error([&] { provider.build(call, "engine 4711"); },
                 {to_string(call), "engine 4711", "CUDNN_STATUS_"});
    for (const char* name : {"", "engine", "motor 1", "engine 1 2", "engine 1 2=", "engine 1 2=3 ",
                             "engine 01", "engine 1 2=3x"})
        expect_error([&] { provider.build(call, name); }, {"names no engine"});
    expect_error([&] { provider.candidates({.shape = {.N = 0}}); }, {"cudnn", "N"});
    CHECK(
        provider.candidates({.pass = ConvPass::wgrad, .shape = call.shape, .bias = true}).empty());
    expect_error([] { CudnnTarget::described(75); }, {"no GPU of architecture 75", "80, 86"});
}
