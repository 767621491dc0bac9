#include "kernels/gradient_penalty/gradient_penalty.h"
#include "tests/devices.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// Images and their sizes: nothing to spare, around a vector, vectors only, more than one chunk.
const std::vector<std::pair<int64_t, int64_t>> kExtents = {
    {1, 1}, {3, 31}, {2, 32}, {5, 33}, {3, 40}, {2, chunk_elements + 100}};

uint64_t fresh = 1'000;  // seeds: no two cases see the same numbers

/// body(device, T) for every device and the types it has.
template <class Body>
void for_each_device_and_type(const Body& body) {
    for_each_device([&](auto& device) {
        for_each_type([&](auto type) { body(device, type); });
        if constexpr (std::decay_t<decltype(device)>::is_cpu) body(device, double{});
    });
}

template <class T, class Device>
void check_interpolate(Device& device, int64_t N, int64_t M) {
    INFO(N << " images of " << M);
    const auto real = to<T>(uniform(N * M, fresh++)), fake = to<T>(uniform(N * M, fresh++));
    auto alpha = to<acc_t<T>>(uniform(N, fresh++, 0, 1));
    alpha[0] = 0;
    const auto r = to_double(real), f = to_double(fake), a = to_double(alpha);
    std::vector<double> want;
    for (int64_t i = 0; i < N * M; ++i) want.push_back(a[i / M] * r[i] + (1 - a[i / M]) * f[i]);
    const auto real_in = device.input(real), fake_in = device.input(fake);
    const auto alpha_in = device.input(alpha);
    const auto run = [&](const T* from_real, const T* from_fake, T* x_hat) {
        interpolate(device.context,
                    InterpolateArgs<T>{N, M, from_real, from_fake, alpha_in.data(), x_hat});
    };
    auto x_hat = device.template output<T>(N * M);
    run(real_in, fake_in, x_hat);
    const auto got = x_hat.get();
    CHECK(max_error(got, want) < 2 * half_ulp<T>);
    CHECK(std::equal(f.begin(), f.begin() + M, got.begin()));  // alpha = 0
    auto over_real = device.output(real), over_fake = device.output(fake);
    run(over_real, fake_in, over_real);
    run(real_in, over_fake, over_fake);
    CHECK(over_real.get() == got);
    CHECK(over_fake.get() == got);
}

template <class T, class Device>
void check_leaky_mask(Device& device, int64_t N, int64_t M, bool scaled) {
    INFO(N << " images of " << M << ", scaled " << scaled);
    constexpr double slope = 0.01;
    const auto x = to<T>(uniform(N * M, fresh++));
    auto a = to<T>(uniform(N * M, fresh++));
    a[M / 2] = T(0.0f);  // on the kink: the slope of the negative side
    const auto scale = to<acc_t<T>>(uniform(scaled ? N : 0, fresh++, -3, 3));
    const auto in = to_double(x), sign = to_double(a), factor = to_double(scale);
    std::vector<double> want;
    for (int64_t i = 0; i < N * M; ++i)
        want.push_back((sign[i] > 0 ? 1 : slope) * in[i] * (scaled ? factor[i / M] : 1));
    const auto x_in = device.input(x), a_in = device.input(a);
    const auto scale_in = device.input(scale);
    const auto run = [&](const T* from, const T* mask, T* to) {
        leaky_mask(device.context, LeakyMaskArgs<T>{.N = N,
                                                    .M = M,
                                                    .x = from,
                                                    .a = mask,
                                                    .scale = scale_in.data(),
                                                    .slope = slope,
                                                    .y = to});
    };
    auto y = device.template output<T>(N * M);
    run(x_in, a_in, y);
    const auto got = y.get();
    CHECK(max_error(got, want) < 4 * half_ulp<T>);
    auto over_x = device.output(x), over_a = device.output(a);
    run(over_x, a_in, over_x);
    run(x_in, over_a, over_a);
    CHECK(over_x.get() == got);
    CHECK(over_a.get() == got);
}

template <class T, class Device>
void check_patch_seeds(Device& device, int64_t B, int64_t M) {
    auto seeds = device.template output<T>(3 * B * M);
    patch_seeds(device.context, PatchSeedsArgs<T>{B, M, seeds});
    const double mean = 1.0 / double(B * M);
    std::vector<double> want;
    for (double value : {-mean, mean, 1.0}) want.insert(want.end(), size_t(B * M), value);
    CHECK(seeds.get() == rounded<T>(want));
}

struct PenaltyValues {
    std::vector<double> norm, k;
    double value = 0;
    bool operator==(const PenaltyValues&) const = default;
};
template <class T, class Device>
PenaltyValues penalty(Device& device, int64_t N, int64_t M, const std::vector<T>& g) {
    const auto g_in = device.input(g);
    auto norm = device.template output<T>(N), k = device.template output<T>(N);
    auto value = device.template output<T>(1);
    auto workspace = device.template output<T>(penalty_workspace(N, M));
    gradient_penalty(device.context, PenaltyArgs<T>{N, M, g_in.data(), norm, k, value, workspace});
    workspace.get();
    return {norm.get(), k.get(), value.get()[0]};
}
HostDevice<CpuContext> cpu(int threads) {
    return {CpuContext(threads), "cpu", false};
}

/// Of length about 3 for 16,384 values: near 1 the slope k would cancel. The last image's gradient
/// is zero, if there are two.
std::vector<double> gradients(int64_t N, int64_t M) {
    auto g = uniform(N * M, fresh++, -0.02, 0.05);
    if (N > 1) std::fill(g.end() - M, g.end(), 0.0);
    return g;
}

template <class T, class Device>
void check_penalty(Device& device, int64_t N, int64_t M) {
    INFO(N << " images of " << M);
    const auto g = to<T>(gradients(N, M));
    PenaltyValues want{std::vector<double>(N), std::vector<double>(N)};
    for (int64_t i = 0; i < N * M; ++i) want.norm[i / M] += double(g[i]) * double(g[i]);
    for (int64_t n = 0; n < N; ++n) {
        const double norm = want.norm[n] = std::sqrt(want.norm[n]);
        want.k[n] = norm > 0 ? 2.0 / double(N) * (1 - 1 / norm) : 0;
        want.value += (norm - 1) * (norm - 1) / double(N);
    }
    const double tolerance = 100 * half_ulp<T>;
    const PenaltyValues got = penalty(device, N, M, g);
    CHECK(max_error(got.norm, want.norm) < tolerance);
    CHECK(max_error(got.k, want.k) < tolerance);
    CHECK(got.value == Approx(want.value).epsilon(tolerance));
    if (N > 1) CHECK(got.k.back() == 0);
    CHECK(penalty(device, N, M, g) == got);  // the same bits again
    auto reference = cpu(1);
    const PenaltyValues same = penalty(reference, N, M, g);
    CHECK(max_error(got.norm, same.norm) < tolerance);
    CHECK(max_error(got.k, same.k) < tolerance);
}

}  // namespace

TEST_CASE("interpolation between real and fake", "[gradient_penalty]") {
    for_each_device_and_type([&]<class T>(auto& device, T) {
        for (const auto& [N, M] : kExtents) check_interpolate<T>(device, N, M);
    });
}

TEST_CASE("what passes a LeakyReLU is scaled by its slope", "[gradient_penalty]") {
    for_each_device_and_type([&]<class T>(auto& device, T) {
        for (const auto& [N, M] : kExtents)
            for (bool scaled : {false, true}) check_leaky_mask<T>(device, N, M, scaled);
    });
}

TEST_CASE("the seeds of the patch map are the slopes of the critic's loss", "[gradient_penalty]") {
    for_each_device_and_type([&]<class T>(auto& device, T) {
        for (const auto& [B, M] : {std::pair(1, 1), std::pair(3, 4), std::pair(16, 33)})
            check_patch_seeds<T>(device, B, M);
    });
}

TEST_CASE("the penalty and its slope, also for a vanishing gradient", "[gradient_penalty]") {
    for_each_device([&](auto& device) {
        for (const auto& [N, M] : kExtents) {
            check_penalty<float>(device, N, M);
            if constexpr (std::decay_t<decltype(device)>::is_cpu)
                check_penalty<double>(device, N, M);
        }
    });
}

TEST_CASE("more images than blocks or threads", "[gradient_penalty]") {
    HostDevice<SimContext> device{SimContext(), "sim", true};
    check_interpolate<float>(device, 8 * 132 + 9, 3);
    check_leaky_mask<bf16>(device, 8 * 132 + 9, 8, true);
    check_penalty<float>(device, 128 + 9, 5);
}

TEST_CASE("k g is the slope of the penalty", "[gradient_penalty]") {
    constexpr int64_t N = 3, M = 1000;
    const auto g = gradients(N, M);
    auto device = cpu(2);
    constexpr double h = 1e-6;
    auto above = g, below = g;
    above[7] += h, below[7] -= h;
    CHECK((penalty(device, N, M, above).value - penalty(device, N, M, below).value) / (2 * h) ==
          Approx(penalty(device, N, M, g).k[0] * g[7]).epsilon(1e-6));
}

TEST_CASE("the penalty does not depend on the order of threads", "[gradient_penalty]") {
    constexpr int64_t N = 3, M = chunk_elements + 100;
    const auto g = to<float>(gradients(N, M));
    auto one = cpu(1);
    for (int threads : {2, 3, 5}) {
        auto several = cpu(threads);
        CHECK(penalty(several, N, M, g) == penalty(one, N, M, g));
    }
    for (const bool aligned : {true, false}) {
        SimContext sim({.check_races = true});
        HostDevice<SimContext> device{sim, "sim", aligned};
        const auto g_in = device.input(g);
        std::vector<float> out(2 * N + 1 + penalty_workspace(N, M));
        check_order_independence(sim, std::as_writable_bytes(std::span(out)), [&] {
            gradient_penalty(sim, PenaltyArgs<float>{.N = N,
                                                     .M = M,
                                                     .g = g_in.data(),
                                                     .norm = &out[0],
                                                     .k = &out[N],
                                                     .value = &out[2 * N],
                                                     .workspace = &out[2 * N + 1]});
        });
    }
}
