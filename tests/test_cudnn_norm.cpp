#include "kernels/cudnn/norm.h"
#include "kernels/cudnn/reduce.h"
#include "tests/cudnn.h"
#include "tests/devices.h"
#include "tests/reference.h"

using namespace sg;
using namespace sg::testing;

// cuDNN's instance normalisation and sums of squares, which ours are compared with.

namespace {

using Norm = CudnnInstanceNorm;

/// What one rounding of the values costs, and a few of f32 on the way to them.
double tolerance(Norm::Type type) {
    return type == Norm::Type::bf16 ? 2 * half_ulp<bf16> : 64 * half_ulp<float>;
}

NormReference::Inputs inputs(const InstanceNormShape& shape) {
    return {.shape = shape,
            .x = rounded<bf16>(uniform(shape.size(), 1, -1, 3)),
            .gamma = rounded<float>(uniform(shape.C, 2, 0.5, 1.5)),
            .beta = rounded<float>(uniform(shape.C, 3)),
            .residual = {},
            .grad_y = rounded<bf16>(uniform(shape.size(), 4)),
            .gg_x = uniform(shape.size(), 5),
            .gg_gamma = uniform(shape.C, 6),
            .gg_beta = uniform(shape.C, 7)};
}

template <class T>
void check_norm(CudaDevice& device, const InstanceNormShape& shape) {
    constexpr auto type = sizeof(T) == 2 ? Norm::Type::bf16 : Norm::Type::f32;
    NormReference::Inputs in = inputs(shape);
    const auto x = device.input(to<T>(in.x)), grad_y = device.input(to<T>(in.grad_y));
    const auto gamma = device.input(to<float>(in.gamma)), beta = device.input(to<float>(in.beta));
    auto mean = device.output<float>(shape.N * shape.C);
    auto rstd = device.output<float>(shape.N * shape.C);
    auto grad_gamma = device.output<float>(shape.C), grad_beta = device.output<float>(shape.C);
    for (const auto pass : {Norm::Pass::forward, Norm::Pass::forward_relu, Norm::Pass::backward}) {
        INFO("pass " << int(pass));
        in.relu = pass == Norm::Pass::forward_relu;
        const NormReference exact(in);
        const Norm norm(CudnnTarget(device.context), pass, shape, type);
        auto result = device.output<T>(shape.size());
        auto workspace = device.output<float>((norm.workspace_bytes() + 3) / 4);
        norm.run({.x = x.data(),
                  .grad_y = grad_y.data(),
                  .gamma = gamma.data(),
                  .beta = beta.data(),
                  .mean = mean.data(),
                  .rstd = rstd.data(),
                  .y = result.data(),
                  .grad_x = result.data(),
                  .grad_gamma = grad_gamma.data(),
                  .grad_beta = grad_beta.data()},
                 workspace.data());
        const bool backward = pass == Norm::Pass::backward;
        CHECK(max_error(result.get(), backward ? exact.grad_x : exact.y) < tolerance(type));
        CHECK(max_error(mean.get(), exact.mean) < 1e-5);
        CHECK(max_error(rstd.get(), exact.rstd) < 1e-5);
        if (!backward) continue;
        CHECK(max_error(grad_gamma.get(), exact.grad_gamma) < 1e-4);
        CHECK(max_error(grad_beta.get(), exact.grad_beta) < 1e-4);
    }
}

}  // namespace

TEST_CASE("cuDNN has plans for instance normalisation and sums of squares", "[cudnn]") {
    if (!cudnn_compiles()) return;
    const InstanceNormShape res{.N = 16, .M = 32 * 32, .C = 256};
    for (const int architecture : kDescribed) {
        INFO(architecture);
        const CudnnTarget target = CudnnTarget::described(architecture);
        CHECK(CudnnSquaredNorms(target, 16, 128 * 128 * 3).engine().starts_with("engine "));
        // The others take as long to compile as this one: on one architecture.
        CHECK(Norm(target, Norm::Pass::forward_relu, res, Norm::Type::bf16).workspace_bytes() >= 0);
        if (architecture != 90) continue;
        CHECK_NOTHROW(Norm(target, Norm::Pass::forward, res, Norm::Type::f32));
        CHECK_NOTHROW(Norm(target, Norm::Pass::backward, res, Norm::Type::bf16));
        const Norm norm(target, Norm::Pass::backward, res, Norm::Type::f32);
        expect_error([&] { norm.run({}, nullptr); }, {"plans for a described GPU cannot run"});
    }
}

TEST_CASE("cuDNN's instance normalisation equals the textbook", "[cudnn][devices]") {
    if (!cudnn_usable()) return;
    for_gpu([&](auto& device) {
        if constexpr (std::is_same_v<std::decay_t<decltype(device)>, CudaDevice>) {
            if (!device.aligned) return;  // cuDNN is told that operands are
            for (const InstanceNormShape& shape :
                 {InstanceNormShape{2, 64, 8}, InstanceNormShape{3, 33 * 31, 24}}) {
                check_norm<float>(device, shape);
                check_norm<bf16>(device, shape);
            }
        }
    });
}

TEST_CASE("cuDNN's sums of squares equal the textbook", "[cudnn][devices]") {
    if (!cudnn_usable()) return;
    for_gpu([&](auto& device) {
        if constexpr (std::is_same_v<std::decay_t<decltype(device)>, CudaDevice>) {
            if (!device.aligned) return;
            constexpr int64_t N = 16, size = 32 * 32 * 3;
            const auto x = rounded<float>(uniform(N * size, 1));
            std::vector<double> exact(N);
            for (int64_t i = 0; i < N * size; ++i) exact[i / size] += x[i] * x[i];
            const CudnnSquaredNorms norms(CudnnTarget(device.context), N, size);
            const auto dx = device.input(to<float>(x));
            auto sums = device.template output<float>(N);
            auto workspace = device.template output<float>((norms.workspace_bytes() + 3) / 4);
            norms.run(dx.data(), sums.data(), workspace.data());
            CHECK(max_error(sums.get(), exact) < 1e-5);
        }
    });
}
