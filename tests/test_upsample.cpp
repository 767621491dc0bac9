#include "kernels/upsample/upsample.h"

#include "engine/ops.h"
#include "tests/devices.h"

using namespace sg;
using namespace sg::testing;

namespace {

uint64_t fresh = 400;  // seeds: no two cases see the same numbers

int64_t small_size(const UpsampleShape& s) {
    return s.N * s.H * s.W * s.C;
}

/// Where the value of the small image that belongs to value i of the large one lies.
int64_t origin(const UpsampleShape& s, int64_t i) {
    const int64_t c = i % s.C, w = i / s.C % (2 * s.W), h = i / (2 * s.W * s.C) % (2 * s.H);
    const int64_t n = i / (4 * s.H * s.W * s.C);
    return ((n * s.H + h / 2) * s.W + w / 2) * s.C + c;
}

template <class T, class Device>
std::vector<double> doubled(Device& device, const UpsampleShape& s, const std::vector<T>& x) {
    const auto x_in = device.input(x);
    auto y = device.template output<T>(4 * small_size(s));
    upsample_forward(device.context, UpsampleForwardArgs<T>{.shape = s, .x = x_in, .y = y});
    return y.get();
}

template <class T, class Device>
std::vector<double> summed(Device& device, const UpsampleShape& s, const std::vector<T>& grad_y) {
    const auto in = device.input(grad_y);
    auto grad_x = device.template output<T>(small_size(s));
    upsample_backward(device.context,
                      UpsampleBackwardArgs<T>{.shape = s, .grad_y = in, .grad_x = grad_x});
    return grad_x.get();
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

template <class T, class Device>
void check_upsample(Device& device, const UpsampleShape& s) {
    INFO(s.N << "x" << s.H << "x" << s.W << "x" << s.C);
    const auto x = to<T>(uniform(small_size(s), fresh++));
    const auto grad_y = to<T>(uniform(4 * small_size(s), fresh++));
    const auto y = doubled(device, s, x), grad_x = summed(device, s, grad_y);
    std::vector<double> want_y(grad_y.size()), want_x(x.size());
    for (size_t i = 0; i < grad_y.size(); ++i) {
        want_y[i] = double(acc_t<T>(x[origin(s, int64_t(i))]));
        want_x[origin(s, int64_t(i))] += double(acc_t<T>(grad_y[i]));
    }
    CHECK(y == want_y);
    // One rounding to T after three in acc_t<T>, of sums that reach the largest.
    CHECK(max_error(grad_x, want_x) <= half_ulp<T> + 4 * half_ulp<acc_t<T>>);
    CHECK(dot(y, to_double(grad_y)) ==
          Approx(dot(to_double(x), grad_x)).margin(double(small_size(s)) * 4 * half_ulp<T>));
    // The order of the sums is part of the contract: the same bits everywhere.
    HostDevice<CpuContext> one{CpuContext(1), "cpu", true};
    CHECK(grad_x == summed(one, s, grad_y));
}

}  // namespace

TEST_CASE("doubling repeats pixels, its adjoint sums them", "[upsample]") {
    std::vector<UpsampleShape> shapes{{1, 1, 1, 1}, {3, 5, 70, 33}, {1, 3, 260, 8}, {2, 8, 16, 64}};
    for (int64_t C = 1; C <= 33; ++C) shapes.push_back({2, 3, 5, C});
    for_each_device([&](auto& device) {
        for (const UpsampleShape& s : shapes) {
            for_each_type([&]<class T>(T) { check_upsample<T>(device, s); });
            if constexpr (std::decay_t<decltype(device)>::is_cpu) check_upsample<double>(device, s);
        }
    });
    HostDevice<SimContext> sim{SimContext(), "sim, more rows than blocks", true};
    check_upsample<float>(sim, {3, 3000, 1, 4});
}

TEST_CASE("doubling moves 16 bytes at a time", "[upsample]") {
    constexpr UpsampleShape s{.N = 2, .H = 4, .W = 16, .C = 64};
    constexpr int64_t count = 2 * 4 * 16 * 64;
    constexpr int64_t bytes = count * int64_t(sizeof(bf16)), of_a_warp = 32 * 16;
    alignas(256) static bf16 small[count], large[4 * count];  // as a GPU's memory is
    std::fill_n(small, count, bf16(0.5f));
    SimContext sim({.count = true});
    upsample_forward(sim, UpsampleForwardArgs<bf16>{s, small, large});
    upsample_backward(sim, UpsampleBackwardArgs<bf16>{s, large, small});
    REQUIRE(sim.launches.size() == 2);
    const auto& [forward, backward] = std::tie(sim.launches[0], sim.launches[1]);
    CHECK(forward.global_loads.instructions == bytes / of_a_warp);
    CHECK(forward.global_stores.instructions == 4 * bytes / of_a_warp);
    CHECK(backward.global_loads.instructions == 4 * bytes / of_a_warp);
    CHECK(backward.global_stores.instructions == bytes / of_a_warp);
    for (const auto* launch : {&forward, &backward})  // whole sectors of 32 bytes, each once
        CHECK(launch->global_loads.sectors + launch->global_stores.sectors == 5 * bytes / 32);
    CHECK(std::all_of(small, small + count, [](bf16 v) { return float(v) == 2; }));
}

TEST_CASE("rows that 32-bit offsets cannot reach are refused", "[upsample]") {
    SimContext sim;
    const UpsampleShape s{.N = 1, .H = 1, .W = 1 << 20, .C = 1 << 9};
    expect_error(
        [&] {
            upsample_forward(sim, UpsampleForwardArgs<float>{s, nullptr, nullptr});
        },
        {"upsample_forward_kernel", "1048576 pixels", "512 channels"});
}

TEST_CASE("upsample2x keeps type and history", "[upsample]") {
    const auto cpu = Device::cpu(1), sim = Device::sim();
    for (Device* device : {cpu.get(), sim.get()})
        for (const DType type : {DType::f32, DType::bf16}) {
            INFO(device->name() << " " << to_string(type));
            const std::vector<double> values{1, 2, 3, 4, 5, 6};
            Tensor x =
                Tensor::from_host(*device, {1, 1, 3, 2}, std::span<const double>(values), type);
            x.set_requires_grad();
            const Tensor y = upsample2x(x);
            CHECK(y.shape() == Shape{1, 2, 6, 2});
            CHECK(y.dtype() == type);
            CHECK(y.to_host() == std::vector<double>{1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6,
                                                     1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6});
            // d sum(y^2)/dx = 8 x, and the same of that: 8.
            const Tensor g = grad({mul(y, y)}, {x}, {.create_graph = true})[0];
            CHECK(g.dtype() == type);
            CHECK(g.to_host() == std::vector<double>{8, 16, 24, 32, 40, 48});
            CHECK(grad({g}, {x})[0].to_host() == std::vector<double>(6, 8.0));
        }
}
