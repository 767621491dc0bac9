#include "kernels/instance_norm/ladder/ladder.h"
#include "tests/norm_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// What a version of forward leaves.
struct Forward {
    std::vector<double> y, mean, rstd;
};

template <class T, class Device>
Forward run_forward(Device& device, int version, const NormInputValues& in) {
    const auto x = device.input(to<T>(in.x)), residual = device.input(to<T>(in.residual));
    const auto gamma = device.input(to<float>(in.gamma)), beta = device.input(to<float>(in.beta));
    auto y = device.template output<T>(in.shape.size());
    auto mean = device.template output<float>(in.shape.N * in.shape.C);
    auto rstd = device.template output<float>(in.shape.N * in.shape.C);
    auto workspace = device.template output<float>(instance_norm_workspace(in.shape));
    instance_norm_forward_version(device.context, version,
                                  InstanceNormForwardArgs<T>{.shape = in.shape,
                                                             .x = x,
                                                             .gamma = gamma,
                                                             .beta = beta,
                                                             .residual = residual,
                                                             .relu = in.relu,
                                                             .y = y,
                                                             .mean = mean,
                                                             .rstd = rstd,
                                                             .workspace = workspace});
    workspace.get();
    return {y.get(), mean.get(), rstd.get()};
}

template <class T, class Device>
void check_backward(Device& device, int version, const NormInputValues& in,
                    const NormReference& want) {
    const auto x = device.input(to<T>(in.x)), grad_y = device.input(to<T>(in.grad_y));
    const auto gamma = device.input(to<float>(in.gamma)), beta = device.input(to<float>(in.beta));
    const auto mean = device.input(to<float>(want.mean)), rstd = device.input(to<float>(want.rstd));
    auto grad_x = device.template output<T>(in.shape.size());
    auto grad_gamma = device.template output<float>(in.shape.C);
    auto grad_beta = device.template output<float>(in.shape.C);
    auto workspace = device.template output<float>(instance_norm_workspace(in.shape));
    instance_norm_backward_version(device.context, version,
                                   InstanceNormBackwardArgs<T>{.shape = in.shape,
                                                               .grad_y = grad_y,
                                                               .x = x,
                                                               .gamma = gamma,
                                                               .beta = beta,
                                                               .mean = mean,
                                                               .rstd = rstd,
                                                               .relu = in.relu,
                                                               .grad_x = grad_x,
                                                               .grad_gamma = grad_gamma,
                                                               .grad_beta = grad_beta,
                                                               .workspace = workspace});
    workspace.get();
    const double activations = std::is_same_v<T, float> ? 3e-6 : 1.1 * half_ulp<T>;
    CHECK(max_error(grad_x.get(), want.grad_x) < activations);
    CHECK(max_error(grad_gamma.get(), want.grad_gamma) < 5e-6);
    CHECK(max_error(grad_beta.get(), want.grad_beta) < 5e-6);
}

/// Clusters exist from Hopper on.
template <class Device>
bool runs(Device& device, const LadderVersion& version) {
    return std::string(version.name) != "cluster" || device.context.properties().max_cluster > 1;
}

/// Counts of one launch of forward in f32 on [2, 1024, 64].
LaunchCounts count_forward(int version) {
    SimOptions options;
    options.count = options.check_races = true;
    HostDevice<SimContext> device{SimContext(options), "sim", true};
    run_forward<float>(device, version, make_inputs({.N = 2, .M = 1024, .C = 64}, true, false));
    REQUIRE(device.context.launches.size() == 1);
    return device.context.launches[0];
}

constexpr int64_t kBytes = 2 * 1024 * 64 * 4, kSlack = kBytes / 8;  // gamma, beta

}  // namespace

TEST_CASE("every version of instance norm's ladder computes the same", "[norm_ladder]") {
    for_each_accelerator([](auto& device) {
        for_each_type([&](auto type) {
            using T = decltype(type);
            for (const InstanceNormShape& shape :
                 {InstanceNormShape{2, 33, 5}, {1, 200, 64}, {3, 1, 32}, {1, 5, 33}})
                for (const auto& [relu, residual] : {std::pair(true, false), {false, true}})
                    for (const LadderVersion& version : instance_norm_forward_ladder()) {
                        if (!runs(device, version)) continue;
                        CAPTURE(shape.N, shape.M, shape.C, relu, version.version);
                        const auto in = rounded_inputs<T>(make_inputs(shape, relu, residual));
                        const NormReference want(in);
                        const Forward got = run_forward<T>(device, version.version, in);
                        const bool f32 = std::is_same_v<T, float>;
                        CHECK(max_error(got.y, want.y) < (f32 ? 1e-5 : 1.1 * half_ulp<T>));
                        CHECK(max_error(got.mean, want.mean) < 1e-5);
                        CHECK(max_error(got.rstd, want.rstd) < 1e-5);
                    }
        });
    });
}

TEST_CASE("every version of instance norm's backward computes the same", "[norm_ladder]") {
    for_each_accelerator([](auto& device) {
        for_each_type([&](auto type) {
            using T = decltype(type);
            for (const InstanceNormShape& shape : {InstanceNormShape{2, 33, 5}, {1, 200, 64}})
                for (const LadderVersion& version : instance_norm_backward_ladder()) {
                    if (!runs(device, version)) continue;
                    CAPTURE(shape.M, shape.C, version.version);
                    const auto in = rounded_inputs<T>(make_inputs(shape, true, false));
                    check_backward<T>(device, version.version, in, NormReference(in));
                }
        });
    });
}

TEST_CASE("counts show what each version of the ladder gains", "[norm_ladder]") {
    const LaunchCounts plane = count_forward(1), block = count_forward(2);
    const LaunchCounts shuffles = count_forward(3), vectors = count_forward(4);
    const LaunchCounts slab = count_forward(5);
    // Three readings of x; neighbouring threads read neighbouring channels.
    CHECK(plane.global_loads.bytes >= 3 * kBytes);
    CHECK(plane.global_loads.efficiency() > 0.99);
    // Neighbouring threads read addresses 256 bytes apart: 4 of 32 bytes are used.
    CHECK(block.global_loads.efficiency() < 0.15);
    CHECK(block.barriers > 4 * shuffles.barriers);
    CHECK(shuffles.collectives > 0);
    CHECK(shuffles.shared_stores.instructions < block.shared_stores.instructions / 2);
    // A quarter of the instructions, all bytes used, then one reading instead of three.
    CHECK(vectors.global_loads.efficiency() > 0.99);
    CHECK(vectors.global_loads.instructions < block.global_loads.instructions / 3);
    CHECK(vectors.global_loads.bytes >= 3 * kBytes);
    CHECK(slab.global_loads.bytes <= kBytes + kSlack);
    CHECK(block.shared_loads.conflicts == 0);
    CHECK(slab.shared_loads.conflicts == 0);
    CHECK(slab.shared_stores.conflicts == 0);
}

TEST_CASE("a version that does not exist or does not fit says so", "[norm_ladder]") {
    HostDevice<SimContext> device{SimContext(), "sim", true};
    const auto small = make_inputs({.N = 1, .M = 4, .C = 3}, false, false);
    expect_error([&] { run_forward<float>(device, 8, small); },
                 {"instance_norm_forward", "no version 8", "1 to 7"});
    const auto large = make_inputs({.N = 1, .M = 5000, .C = 1}, false, false);
    expect_error([&] { run_forward<float>(device, 5, large); },
                 {"instance_norm_forward", "5000 pixels", "bytes of shared memory"});
    SimOptions options;
    options.architecture = 80;
    HostDevice<SimContext> ampere{SimContext(options), "sim 80", true};
    expect_error([&] { run_forward<float>(ampere, 6, small); }, {"architecture 80", "no clusters"});
}
