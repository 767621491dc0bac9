#include "kernels/loss/loss.h"
#include "tests/devices.h"
#include "tests/loss_reference.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr double kWeight = -2.5;  // of the gradients

template <class T>
constexpr double kTolerance = 40 * half_ulp<T>;

enum class ClassLoss { bce, entropy };

/// The gradient is written only if it is asked for, and the value is the same either way.
template <class T, class Device>
LossValues run(Device& device, ClassLoss loss, int64_t N, int64_t L, const std::vector<T>& logits,
               const std::vector<T>& targets) {
    const auto z = device.input(logits), y = device.input(targets);
    auto value = device.template output<T>(1), alone = device.template output<T>(1);
    auto gradient = device.template output<T>(N * L);
    const auto call = [&](const BceArgs<T>& args) {
        if (loss == ClassLoss::bce)
            bce_with_logits_forward(device.context, args);
        else
            cross_entropy_forward(device.context, args);
    };
    BceArgs<T> args{.N = N, .L = L, .logits = z, .targets = y, .value = alone};
    call(args);
    args.value = value;
    args.grad_logits = gradient;
    args.weight = kWeight;
    call(args);
    CHECK(alone.get() == value.get());
    LossValues result{value.get()[0], gradient.get()};
    for (double& g : result.gradient) g /= kWeight;
    return result;
}

std::vector<double> one_hot(int64_t N, int64_t L) {
    const Rng rng{.seed = 8};
    std::vector<double> y(N * L);
    for (int64_t n = 0; n < N; ++n) y[n * L + rng.below(n, uint32_t(L))] = 1;
    return y;
}

template <class T, class Device>
void check_class_losses(Device& device, int64_t N, int64_t L) {
    INFO(N << " images, " << L << " labels");
    const auto z = to<T>(uniform(N * L, 1, -4, 4)), y = to<T>(uniform(N * L, 2, 0, 1));
    const auto hot = to<T>(one_hot(N, L));
    const auto agree = [](const LossValues& got, const LossValues& want) {
        CHECK(std::abs(got.value - want.value) <= kTolerance<T> * std::max(1.0, want.value));
        CHECK(max_error(got.gradient, want.gradient) < kTolerance<T>);
    };
    agree(run<T>(device, ClassLoss::bce, N, L, z, y), bce_reference(N, to_double(z), to_double(y)));
    const auto entropy = run<T>(device, ClassLoss::entropy, N, L, z, hot);
    if (L > 1) agree(entropy, entropy_reference(N, to_double(z), to_double(hot)));
    // A single label is certain.
    if (L == 1) CHECK(std::abs(entropy.value) + std::abs(entropy.gradient[0]) < kTolerance<T>);
}

/// l1_forward or mean_forward with and without gradient, and in place: the same bits.
template <class T, class Device, class Args>
LossValues run_mean(Device& device, Args args, int64_t workspace_size, const std::vector<T>& x) {
    const auto call = [&](const Args& with) {
        if constexpr (std::is_same_v<Args, L1Args<T>>)
            l1_forward(device.context, with);
        else
            mean_forward(device.context, with);
    };
    auto value = device.template output<T>(1), alone = device.template output<T>(1);
    auto gradient = device.template output<T>(args.count), in_place = device.output(x);
    auto workspace = device.template output<T>(workspace_size);
    args.value = alone;
    args.workspace = workspace;
    call(args);
    args.value = value;
    args.grad_x = gradient;
    args.weight = kWeight;
    call(args);
    CHECK(alone.get() == value.get());
    workspace.get();  // checks what lies around it
    args.x = args.grad_x = in_place;
    call(args);
    CHECK(same_bits(in_place.values(), gradient.values()));
    CHECK(alone.get() == value.get());
    LossValues got{value.get()[0], gradient.get()};
    for (double& g : got.gradient) g /= kWeight;
    return got;
}

/// Mean absolute error and mean; returns their values.
template <class T, class Device>
std::pair<double, double> check_means(Device& device, int64_t count) {
    INFO(count << " values");
    const auto x_values = to<T>(uniform(count, 3));
    auto z_values = to<T>(uniform(count, 4));
    z_values[count / 2] = x_values[count / 2];  // equal: no slope
    LossValues distance, mean;
    for (int64_t i = 0; i < count; ++i) {
        const double difference = double(x_values[i]) - double(z_values[i]), size = double(count);
        distance.value += std::abs(difference) / size;
        distance.gradient.push_back((double(difference > 0) - double(difference < 0)) / size);
        mean.value += double(x_values[i]) / size;
        mean.gradient.push_back(1 / size);
    }
    const auto agree = [](const LossValues& got, const LossValues& want) {
        CHECK(std::abs(got.value - want.value) < kTolerance<T>);
        CHECK(max_error(got.gradient, want.gradient) < kTolerance<T>);
        return got.value;
    };
    const auto x = device.input(x_values), z = device.input(z_values);
    L1Args<T> l1{};
    MeanArgs<T> plain{};
    l1.count = plain.count = count;
    l1.x = plain.x = x;
    l1.z = z;
    return {agree(run_mean(device, l1, l1_workspace(count), x_values), distance),
            agree(run_mean(device, plain, mean_workspace(count), x_values), mean)};
}

template <class T, class Device>
void check_softmax(Device& device, int64_t N, int64_t L) {
    INFO(N << " rows of " << L);
    const auto values = to<T>(uniform(N * L, 5, -20, 20));
    std::vector<double> want;
    for (int64_t n = 0; n < N; ++n) {
        double sum = 0;
        for (int64_t l = 0; l < L; ++l) sum += std::exp(double(values[n * L + l]));
        for (int64_t l = 0; l < L; ++l) want.push_back(std::exp(double(values[n * L + l])) / sum);
    }
    const auto x = device.input(values);
    auto y = device.template output<T>(N * L), in_place = device.output(values);
    softmax_forward(device.context, SoftmaxArgs<T>{N, L, x, y});
    CHECK(max_error(y.get(), want) < kTolerance<T>);
    softmax_forward(device.context, SoftmaxArgs<T>{N, L, in_place, in_place});
    CHECK(in_place.get() == y.get());
}

using Extents = std::vector<std::pair<int64_t, int64_t>>;
const Extents kLabels = {{1, 1}, {3, 4}, {16, 5}, {1, 33}, {7, 31}, {33, 32}, {5, 300}};
/// The last is no multiple of a vector and has several pieces.
const std::vector<int64_t> kCounts = {1, 31, 32, 33, 2 * chunk_elements + 3};

}  // namespace

TEST_CASE("mean absolute error and mean, with their gradients", "[loss]") {
    for_each_device([](auto& device) {
        for (const int64_t count : kCounts)
            CHECK(check_means<float>(device, count) == check_means<float>(device, count));
    });
}

TEST_CASE("the CPU's means have the same bits on any number of threads", "[loss]") {
    for (const int64_t count : kCounts) {
        HostDevice<CpuContext> one{CpuContext(1), "one thread", true};
        const auto means = check_means<float>(one, count), exact = check_means<double>(one, count);
        for (int threads : {2, 3, 5}) {
            HostDevice<CpuContext> several{CpuContext(threads), "several threads", false};
            CHECK(check_means<float>(several, count) == means);
            CHECK(check_means<double>(several, count) == exact);
        }
    }
}

TEST_CASE("classification losses and their gradients", "[loss]") {
    for_each_device([](auto& device) {
        for (const auto& [N, L] : kLabels) {
            check_class_losses<float>(device, N, L);
            check_softmax<float>(device, N, L);
        }
    });
    HostDevice<CpuContext> cpu{CpuContext(1), "cpu", true};
    for (const auto& [N, L] : kLabels) {
        check_class_losses<double>(cpu, N, L);
        check_softmax<double>(cpu, N, L);
    }
}

TEST_CASE("classification losses of logits that overflow exp", "[loss]") {
    const std::vector<float> large = {1000, -1000, 500}, target = {1, 0, 0}, wrong = {0, 1, 0};
    for_each_device([&](auto& device) {
        const auto check = [&](ClassLoss loss, const std::vector<float>& y, double value,
                               const std::vector<double>& gradient) {
            const LossValues got = run<float>(device, loss, 1, 3, large, y);
            CHECK(got.value == Approx(value));
            CHECK(got.gradient == gradient);
        };
        check(ClassLoss::bce, target, 500, {0, 0, 1});
        check(ClassLoss::bce, wrong, 2500, {1, -1, 1});
        check(ClassLoss::entropy, target, 0, {0, 0, 0});
        check(ClassLoss::entropy, wrong, 2000, {1, -1, 0});
        const auto x = device.input(std::vector<float>{1, 2, 3, 1000, 0, -1000});
        auto y = device.template output<float>(6);
        softmax_forward(device.context, SoftmaxArgs<float>{2, 3, x, y});
        const double sum = std::exp(-2.0) + std::exp(-1.0) + 1;
        CHECK(max_error(y.get(), {std::exp(-2.0) / sum, std::exp(-1.0) / sum, 1 / sum, 1, 0, 0}) <
              kTolerance<float>);
    });
}

TEST_CASE("losses do not depend on the order of threads", "[loss]") {
    SimContext context(SimOptions{.check_races = true});
    const int64_t count = 9001, N = 40, L = 5;
    const auto x = to<float>(uniform(count, 1)), z = to<float>(uniform(count, 2, 0, 1));
    Output<float> out(1 + count), workspace(l1_workspace(count));
    float *value = out.data(), *grad = value + 1;
    const auto check = [&](const std::function<void()>& run) {
        const std::span all(out.data(), size_t(out.size()));
        check_order_independence(context, std::as_writable_bytes(all), run);
    };
    const BceArgs<float> labels{.N = N,
                                .L = L,
                                .logits = x.data(),
                                .targets = z.data(),
                                .value = value,
                                .grad_logits = grad};
    check([&] { bce_with_logits_forward(context, labels); });
    check([&] { cross_entropy_forward(context, labels); });
    check([&] { softmax_forward(context, SoftmaxArgs<float>{N, L, x.data(), grad}); });
    check([&] {
        l1_forward(context, L1Args<float>{count, x.data(), z.data(), value, workspace, grad});
    });
    check([&] {
        mean_forward(context, MeanArgs<float>{count, x.data(), value, grad, 1, workspace});
    });
    workspace.get();
    CHECK(!std::isnan(out.get()[0]));
}
