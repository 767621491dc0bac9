#include <numeric>

#include "tests/norm_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

using Inputs = NormInputValues;

/// Compares all passes: `activations` bounds errors of what is stored as T, `sums` of the rest.
template <class T, class Device>
void check_passes(Device& device, const Inputs& exact, double activations, double sums) {
    const Inputs in = rounded_inputs<T>(exact);
    const NormReference want(in);
    const Computed<T> got(device, in);
    // Two pixels leave nothing once mean and slope are taken out: what remains is the difference of
    // terms of size rstd (rstd^2 in the second derivative by x).
    const double r = *std::max_element(want.rstd.begin(), want.rstd.end());
    const double terms = in.shape.M == 2 ? r : 0;
    CHECK(max_error(got.y, want.y) < activations);
    CHECK(std::max(max_error(got.mean, want.mean), max_error(got.rstd, want.rstd)) < sums);
    CHECK(norm_error(got.grad_x, want.grad_x, terms) < activations);
    auto before_residual = want.y;
    for (size_t i = 0; i < in.residual.size(); ++i) before_residual[i] -= in.residual[i];
    CHECK(max_error(got.y_again, before_residual) < activations);
    if (in.residual.empty()) CHECK(got.y_again == got.y);
    CHECK(max_error(got.grad_gamma, want.grad_gamma) < sums);
    CHECK(max_error(got.grad_beta, want.grad_beta) < sums);
    CHECK(norm_error(got.gg_y, want.gg_y, terms) < activations);
    CHECK(norm_error(got.second_x, want.second_x, terms * r) < activations);
    CHECK(norm_error(got.second_gamma, want.second_gamma, terms) < sums);
}

}  // namespace

TEST_CASE("instance norm equals the textbook loops in all passes", "[instance_norm]") {
    for_each_device([](auto& device) {
        constexpr bool on_cpu = std::decay_t<decltype(device)>::is_cpu;
        for (int64_t C : {1, 3, 16, 17, 40})
            for (int64_t M : {2, 33, 300})
                for (const auto& [relu, residual] : {std::pair(false, true), {true, false}}) {
                    CAPTURE(C, M, relu, residual);
                    const Inputs in = make_inputs({.N = 3, .M = M, .C = C}, relu, residual);
                    check_passes<float>(device, in, 3e-6, 3e-6);
                    check_passes<bf16>(device, in, 1.1 * half_ulp<bf16>, 3e-6);
                    if constexpr (on_cpu) check_passes<double>(device, in, 1e-10, 1e-10);
                }
    });
}

TEST_CASE("large images take clusters and two kernels", "[instance_norm]") {
    // 64 bytes per pixel and tile. Forward holds one tile: clusters of 2, 8 and 16 blocks; backward
    // holds two: clusters of 4 and 8, then two kernels.
    for_each_device([](auto& device) {
        for (int64_t M : {1, 1025, 4099, 33001}) {
            CAPTURE(M);
            const Inputs in = make_inputs({.N = 1, .M = M, .C = 16}, true, true);
            check_passes<float>(device, in, 3e-6, 1e-5);
            if (M == 4099) check_passes<bf16>(device, in, 1.1 * half_ulp<bf16>, 1e-5);
        }
    });
}

TEST_CASE("missing cotangents count as zero", "[instance_norm]") {
    HostDevice<CpuContext> device{CpuContext(1), "cpu", false};
    for (int present = 0; present < 8; ++present) {
        INFO("cotangents " << present);
        Inputs in = make_inputs({.N = 2, .M = 9, .C = 5}, true, false);
        if (!(present & 1)) in.gg_x.clear();
        if (!(present & 2)) in.gg_gamma.clear();
        if (!(present & 4)) in.gg_beta.clear();
        check_passes<double>(device, in, 1e-12, 1e-12);
    }
}

TEST_CASE("instance norm's backward passes are its derivatives", "[instance_norm]") {
    HostDevice<CpuContext> device{CpuContext(1), "cpu", false};
    const Inputs at = make_inputs({.N = 2, .M = 7, .C = 3}, true, true);
    const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
        return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
    };
    const auto first = [&](const Inputs& in) {
        return dot(Computed<double>(device, in).y, at.grad_y);
    };
    const auto second = [&](const Inputs& in) {
        const Computed<double> c(device, in);
        return dot(c.grad_x, at.gg_x) + dot(c.grad_gamma, at.gg_gamma) +
               dot(c.grad_beta, at.gg_beta);
    };
    const auto slopes = [&](const auto& f, std::vector<double> Inputs::*member) {
        std::vector<double> result;
        for (size_t i = 0; i < (at.*member).size(); ++i) {
            constexpr double h = 1e-5;
            Inputs above = at, below = at;
            (above.*member)[i] += h, (below.*member)[i] -= h;
            result.push_back((f(above) - f(below)) / (2 * h));
        }
        return result;
    };
    const Computed<double> c(device, at);
    CHECK(max_error(c.grad_x, slopes(first, &Inputs::x)) < 1e-8);
    CHECK(max_error(c.grad_gamma, slopes(first, &Inputs::gamma)) < 1e-8);
    CHECK(max_error(c.grad_beta, slopes(first, &Inputs::beta)) < 1e-8);
    CHECK(max_error(c.gg_y, slopes(second, &Inputs::grad_y)) < 1e-8);
    CHECK(max_error(c.second_x, slopes(second, &Inputs::x)) < 1e-8);
    CHECK(max_error(c.second_gamma, slopes(second, &Inputs::gamma)) < 1e-8);
}

TEST_CASE("a large mean does not drown a small variance", "[instance_norm]") {
    HostDevice<CpuContext> device{CpuContext(1), "cpu", false};
    Inputs in = make_inputs({.N = 1, .M = 4096, .C = 17}, false, false);
    for (double& v : in.x) v = 1000 + 0.5 * v;  // deviation 0.7: 10^6 times below the mean square
    in = rounded_inputs<float>(in);
    const NormReference want(in);
    const Computed<float> got(device, in);
    CHECK(max_error(got.rstd, want.rstd) < 1e-5);  // E[x^2] - mean^2 would be off by percents
    CHECK(max_error(got.y, want.y) < 2e-4);        // the mean itself is good to 6e-5 of 0.7
    for (double& v : in.x) v = 1000;
    const Computed<float> flat(device, in);
    CHECK(max_error(flat.mean, std::vector<double>(17, 1000.0)) < 1e-7);
    for (double v : flat.y) REQUIRE(std::isfinite(v));
}

TEST_CASE("instance norm gives the same bits on any number of threads", "[instance_norm]") {
    const Inputs in = make_inputs({.N = 5, .M = 100, .C = 40}, true, true);
    const auto all = [&]<class T>(int threads, T) {
        HostDevice<CpuContext> device{CpuContext(threads), "cpu", false};
        const Computed<T> c(device, in);
        return std::vector{c.y, c.grad_x, c.grad_gamma, c.gg_y, c.second_x, c.second_gamma};
    };
    for (int threads : {2, 3, 5}) {
        CHECK(all(threads, 0.0f) == all(1, 0.0f));
        CHECK(all(threads, bf16()) == all(1, bf16()));
    }
}

TEST_CASE("instance norm may run in place", "[instance_norm]") {
    for_each_device([](auto& device) {
        const Inputs in =
            rounded_inputs<float>(make_inputs({.N = 2, .M = 130, .C = 40}, true, false));
        const Computed<float> want(device, in);
        auto x = device.output(to<float>(in.x)), mean = device.template output<float>(80);
        auto rstd = device.template output<float>(80);
        auto workspace = device.template output<float>(instance_norm_workspace(in.shape));
        const auto gamma = device.input(to<float>(in.gamma));
        const auto beta = device.input(to<float>(in.beta));
        instance_norm_forward(device.context,
                              InstanceNormForwardArgs<float>{.shape = in.shape,
                                                             .x = x,
                                                             .gamma = gamma,
                                                             .beta = beta,
                                                             .residual = nullptr,
                                                             .relu = true,
                                                             .y = x,
                                                             .mean = mean,
                                                             .rstd = rstd,
                                                             .workspace = workspace});
        CHECK(x.get() == want.y);
    });
}

TEST_CASE("instance norm's gradient may replace grad_y", "[instance_norm]") {
    // Several runs of pixels and slabs of channels, and rests of both.
    const auto check = [](auto& device, auto type, bool with_y) {
        using T = decltype(type);
        const InstanceNormShape shape{.N = 2, .M = 130, .C = 40};
        const Inputs in = rounded_inputs<T>(make_inputs(shape, true, false));
        const auto x = device.input(to<T>(in.x)), grad_y = device.input(to<T>(in.grad_y));
        const auto gamma = device.input(to<float>(in.gamma));
        const auto beta = device.input(to<float>(in.beta));
        auto y = device.template output<T>(shape.size());
        auto mean = device.template output<float>(80), rstd = device.template output<float>(80);
        auto apart = device.template output<T>(shape.size()),
             in_place = device.output(to<T>(in.grad_y));
        auto grad_gamma = device.template output<float>(40);
        auto grad_beta = device.template output<float>(40);
        auto workspace = device.template output<float>(instance_norm_workspace(shape));
        instance_norm_forward(device.context, InstanceNormForwardArgs<T>{.shape = shape,
                                                                         .x = x,
                                                                         .gamma = gamma,
                                                                         .beta = beta,
                                                                         .residual = nullptr,
                                                                         .relu = true,
                                                                         .y = y,
                                                                         .mean = mean,
                                                                         .rstd = rstd,
                                                                         .workspace = workspace});
        InstanceNormBackwardArgs<T> args{.shape = shape,
                                         .grad_y = grad_y,
                                         .x = x,
                                         .gamma = gamma,
                                         .beta = beta,
                                         .mean = mean,
                                         .rstd = rstd,
                                         .relu = true,
                                         .grad_x = apart,
                                         .grad_gamma = grad_gamma,
                                         .grad_beta = grad_beta,
                                         .workspace = workspace};
        if (with_y) args.y = y;
        instance_norm_backward(device.context, args);
        args.grad_y = args.grad_x = in_place;
        instance_norm_backward(device.context, args);
        CHECK(in_place.get() == apart.get());
    };
    for_each_device([&](auto& device) {
        for (const bool with_y : {false, true}) {
            check(device, float{}, with_y);
            check(device, bf16{}, with_y);
        }
    });
}

TEST_CASE("instance norm refuses what it cannot take", "[instance_norm]") {
    SimContext sim;
    InstanceNormForwardArgs<float> forward{};
    forward.shape = {.N = 70000, .M = 4, .C = 3};
    expect_error([&] { instance_norm_forward(sim, forward); },
                 {"instance_norm_forward", "70000", "65535"});
    InstanceNormBackwardArgs<bf16> backward{};
    backward.shape = {.N = 1, .M = 0, .C = 3};
    expect_error([&] { instance_norm_backward(sim, backward); },
                 {"instance_norm_backward", "[1, 0, 3]"});
}

TEST_CASE("f64 on a device other than the CPU is refused by name", "[instance_norm]") {
    SimContext sim;
    expect_error([&] { instance_norm_forward(sim, InstanceNormForwardArgs<double>{}); },
                 {"instance_norm_forward", "not for f64", "cpu"});
    expect_error([&] { instance_norm_backward(sim, InstanceNormBackwardArgs<double>{}); },
                 {"instance_norm_backward", "not for f64"});
}
