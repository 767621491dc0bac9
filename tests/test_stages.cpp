#include "engine/stages.h"

#include <thread>

#include "benchmarks/scale_benchmark.h"
#include "benchmarks/step_runner.h"
#include "tests/model_cases.h"

// Where the time of a training step goes, and how it grows.

using namespace sg;
using namespace sg::testing;

namespace {

std::vector<std::string> names_of(const std::vector<std::pair<std::string, double>>& stages) {
    std::vector<std::string> names;
    for (const auto& [name, ms] : stages) names.push_back(name);
    return names;
}

}  // namespace

TEST_CASE("a stage has the time from its start to the next", "[stages]") {
    using namespace std::chrono_literals;
    const auto device = Device::cpu(1), other = Device::cpu(1);
    at_stage(*device, "nobody listens");
    StageTimer timer(*device);
    expect_error([&] { const StageTimer second(*device); }, {"stages", "already"});
    at_stage(*device, "short");
    at_stage(*device, "long");
    std::this_thread::sleep_for(20ms);
    at_stage(*other, "of another device");
    at_stage(*device, "short");
    at_stage(*device, "long");
    std::this_thread::sleep_for(20ms);
    at_stage(*device, "short");
    const auto stages = timer.stop();
    CHECK(names_of(stages) == std::vector<std::string>{"other", "short", "long"});
    CHECK(stages[2].second >= 40);  // no sleep is shorter
    expect_error([&] { timer.stop(); }, {"stages", "stopped"});
    at_stage(*device, "nobody listens any more");
}

TEST_CASE("every stage of a step is named, on every device", "[stages]") {
    const auto check = [](Device& device, StepKind kind, const std::vector<std::string>& want_d,
                          const std::vector<std::string>& want_g) {
        INFO(device.name() << ", " << to_string(kind));
        StarGan model(device, tiny_config(), Precision::f32, 0, masters_for(kind));
        initialise(model, 3);
        StepBenchmark b;
        b.step = kind, b.n_critic = 3, b.sampling.repeats = 2;
        StepRunner runner(model, random_batch(device, tiny_config(), Precision::f32, 0, 2, 5), b);
        std::vector<std::string> d, g;
        for (const StageTime& stage : runner.stages()) {
            (stage.of_g ? g : d).push_back(stage.name);
            CHECK(stage.time.samples.size() == 2);
            CHECK(stage.time.min >= 0);
        }
        CHECK(d == want_d);
        CHECK(g == want_g);
    };
    const auto cpu = Device::cpu(2), sim = Device::sim({.threads = 2});
    for (Device* device : {cpu.get(), sim.get()}) {
        check(*device, StepKind::fused,
              {"fakes", "other", "D forward", "D losses", "D dgrad", "penalty", "D wgrad",
               "tangents", "Adam"},
              {"other", "D forward", "D losses", "D dgrad", "G convolutions", "G norms",
               "reconstruction loss", "G dgrad", "G norms back", "G wgrad", "Adam"});
        check(*device, StepKind::reference,
              {"other", "G forward", "D forward", "penalty", "gradients", "Adam"},
              {"other", "G forward", "D forward", "gradients", "Adam"});
    }
}

TEST_CASE("timed steps are training", "[stages]") {
    // Turns, a macro-iteration: as many updates as they say, all of them finite.
    const auto device = Device::cpu(1);
    for (const StepKind kind : {StepKind::fused, StepKind::reference}) {
        StarGan model = make_model(*device, tiny_config(), Precision::f32, 3);
        StepBenchmark b;
        b.step = kind, b.n_critic = 4;
        StepRunner runner(model, random_batch(*device, tiny_config(), Precision::f32, 0, 2, 5), b);
        CHECK(runner.d_step() > 0);
        CHECK((model.d_updates == 1 && model.g_updates == 0));
        CHECK(runner.d_and_g() > 0);
        CHECK((model.d_updates == 2 && model.g_updates == 1));
        CHECK(runner.macro_iteration() > 0);
        CHECK((model.d_updates == 6 && model.g_updates == 2));
    }
}

TEST_CASE("FLOPs of an iteration, worked by hand", "[stages]") {
    StepBenchmark b;
    b.image_size = 16, b.batch_size = 1, b.labels = 1, b.n_critic = 1;
    b.g_conv_dim = b.d_conv_dim = 1, b.g_repeat_num = 0, b.d_repeat_num = 1;
    // G: stem and head 2 256 49 3 each, 1 to 2 and 2 to 4 channels 4096 each, there and back.
    constexpr double G = 2 * 75264 + 4 * 4096, stem = 75264;
    // D: 2 64 16 3; the heads 2 64 9 and, of the real images alone, 2 64.
    constexpr double first = 6144, src = 1152, cls = 128;
    constexpr double forward = 3 * first + 3 * src + cls, dgrad = first + 3 * src + cls;
    constexpr double wgrad = forward, tangents = first;
    constexpr double d_step = G + forward + dgrad + wgrad + tangents;
    constexpr double g_step = 5 * G - stem + 2 * (first + src + cls);
    CHECK(iteration_flops(b) == Approx(d_step + g_step));
    b.n_critic = 4;
    CHECK(iteration_flops(b) == Approx(d_step + g_step / 4));
    b.batch_size = 3;
    CHECK(iteration_flops(b) == Approx(3 * (d_step + g_step / 4)));
    // Without heads that grow with the last map, all is in proportion to the pixels.
    StepBenchmark wide = b;
    wide.d_repeat_num = 3, wide.g_repeat_num = 2;
    const double at = iteration_flops(wide);
    wide.image_size *= 2;
    CHECK(iteration_flops(wide) == Approx(4 * at));
}

TEST_CASE("an exponent is fitted through the logarithms", "[stages]") {
    CHECK(fitted_exponent({1, 2, 4}, {3, 12, 48}) == Approx(2));
    CHECK(fitted_exponent({2, 4, 8}, {5, 5, 5}) == Approx(0).margin(1e-12));
    // Least squares: logarithms 0, 1, 2 (of 2) against 0, 2, 1 have the slope 1/2.
    CHECK(fitted_exponent({1, 2, 4}, {1, 4, 2}) == Approx(0.5));
    CHECK_THROWS_AS(fitted_exponent({1}, {1}), Error);
    CHECK_THROWS_AS(fitted_exponent({3, 3}, {1, 2}), Error);
}

TEST_CASE("a sweep measures every point and tells where it leaves the model", "[stages]") {
    StepBenchmark base;
    base.image_size = 16, base.batch_size = 2, base.g_conv_dim = base.d_conv_dim = 4;
    base.g_repeat_num = 1, base.d_repeat_num = 2, base.n_critic = 2;
    base.sampling = {.warmup = 0, .repeats = 1, .attempts = 1};
    CHECK(default_sweep("image", base, "cpu", 2).values == std::vector<int>{8, 16, 32});
    CHECK(default_sweep("batch", base, "cpu", 2).values == std::vector<int>{1, 2, 4});
    CHECK(default_sweep("threads", base, "cpu", 5).values == std::vector<int>{1, 2, 4});
    CHECK_THROWS_AS(default_sweep("threads", base, "sim", 2), Error);
    CHECK_THROWS_AS(default_sweep("colours", base, "cpu", 2), Error);
    std::vector<int> seen;
    const ScaleResult result = run_sweep(
        {"labels", {1, 64}}, base, [](int) { return Device::cpu(1); },
        [&](const ScalePoint& point) { seen.push_back(point.x); });
    CHECK(seen == std::vector<int>{1, 64});
    CHECK(result.model_exponent == Approx(0).margin(0.05));
    CHECK(result.points[1].measured.iteration_ms > 0);
    const double local =
        std::log(result.points[1].measured.iteration_ms / result.points[0].measured.iteration_ms) /
        std::log(64.0);
    CHECK(result.exponent == Approx(local));
    const double model = std::log(result.points[1].flops / result.points[0].flops) / std::log(64.0);
    CHECK(result.departures.size() == size_t(std::abs(local - model) > 0.3));
}
