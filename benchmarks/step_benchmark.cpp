#include "benchmarks/step_benchmark.h"

#include <sys/resource.h>

#include <algorithm>

#include "benchmarks/report.h"
#include "benchmarks/step_runner.h"
#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "kernels/common/processor.h"
#include "train/memory_plan.h"

namespace sg {

namespace {

constexpr uint64_t seed = 0;
constexpr double mib = 1024.0 * 1024.0;

ModelConfig model_config(const StepBenchmark& b) {
    LabelGroup group{.name = "synthetic", .kind = LabelKind::multi_label, .names = {}};
    for (int i = 0; i < b.labels; ++i) group.names.push_back(fmt::format("label_{}", i));
    return {.height = b.image_size,
            .width = b.image_size,
            .g_conv_dim = b.g_conv_dim,
            .g_repeat_num = b.g_repeat_num,
            .d_conv_dim = b.d_conv_dim,
            .d_repeat_num = b.d_repeat_num,
            .labels = {.groups = {group}}};
}

/// value(i) for every element of a new tensor.
template <class Value>
Tensor fill(Device& device, const Shape& shape, DType dtype, const Value& value) {
    std::vector<float> values(element_count(shape));
    for (size_t i = 0; i < values.size(); ++i) values[i] = value(i);
    return Tensor::from_host(device, shape, std::span<const float>(values), dtype);
}

/// Images uniform in [-1, 1), any label on or off; an image's target is its neighbour's label.
TrainingBatch random_batch(Device& device, const StepBenchmark& b) {
    const DType dtype = master_type(b.precision);
    const int64_t n = b.batch_size, side = b.image_size;
    const Rng images{.seed = seed, .purpose = RngPurpose::test};
    const Rng labels{.seed = seed, .purpose = RngPurpose::target_labels};
    const Rng alphas{.seed = seed, .purpose = RngPurpose::gp_alpha};
    const auto label = [&](uint64_t i) { return float(labels.below(i % (n * b.labels), 2)); };
    return {
        .x_real = fill(device, {n, side, side, 3}, dtype,
                       [&](uint64_t i) { return 2 * images.uniform(i) - 1; }),
        .c_org = fill(device, {n, b.labels}, dtype, label),
        .c_trg =
            fill(device, {n, b.labels}, dtype, [&](uint64_t i) { return label(i + b.labels); }),
        .alpha = fill(device, {n}, dtype, [&](uint64_t i) { return alphas.uniform(i); }),
    };
}

double peak_rss_mb() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return double(usage.ru_maxrss) / 1024;  // Linux counts in KiB
}

}  // namespace

StepBenchmarkResult run_step_benchmark(Device& device, const StepBenchmark& b,
                                       const std::function<void(const std::string&)>& say) {
    require(b.batch_size >= 1 && b.labels >= 1 && b.n_critic >= 1, "benchmark",
            "batch size {}, labels {} and n_critic {} must be at least 1", b.batch_size, b.labels,
            b.n_critic);
    prepare_device(device,
                   {.model = model_config(b),
                    .precision = b.precision,
                    .batch = b.batch_size,
                    .step = b.step,
                    .side_stream = b.side_stream,
                    .n_critic = b.n_critic},
                   say);
    device.use_two_streams(b.side_stream);
    std::optional<PinnedThreads> pinned;
    if (device.is_cpu()) pinned.emplace(device.threads());
    StarGan model(device, model_config(b), b.precision, 0, masters_for(b.step));
    initialise(model, seed);
    StepRunner runner(model, random_batch(device, b), b);

    std::vector<std::function<double()>> things = {[&] { return runner.d_step(); },
                                                   [&] { return runner.d_and_g(); }};
    if (device.runs_ahead()) things.emplace_back([&] { return runner.macro_iteration(); });
    const Sampled sampled = sample_in_turns(things, b.sampling);
    StepBenchmarkResult result{.d_step = sampled.times[0], .g_step = {}};
    std::vector<double> g_times = sampled.times[1].samples;
    for (size_t i = 0; i < g_times.size(); ++i) g_times[i] -= result.d_step.samples[i];
    result.g_step = summarise(g_times);
    result.iteration_ms = (b.n_critic * result.d_step.median + result.g_step.median) / b.n_critic;
    if (device.runs_ahead()) {
        result.macro_iteration = sampled.times[2];
        result.iteration_ms = result.macro_iteration->median / b.n_critic;
    }
    if (b.stages) result.stages = runner.stages();
    result.tensor_peak_mb = double(device.arena().peak_bytes()) / mib;
    result.peak_rss_mb = peak_rss_mb();
    return result;
}

void add_result(nlohmann::json& report, Device& device, const StepBenchmark& b,
                const StepBenchmarkResult& result) {
    report["cases"].push_back({
        {"d_step_ms", result.d_step.median},
        {"g_step_ms", result.g_step.median},
        {"iteration_ms", result.iteration_ms},
        {"d_step_min_ms", result.d_step.min},
        {"g_step_min_ms", result.g_step.min},
        {"d_step_max_ms", result.d_step.max},
        {"g_step_max_ms", result.g_step.max},
        {"spread", std::max(result.d_step.spread, result.g_step.spread)},
        {"peak_rss_mb", result.peak_rss_mb},
        {"tensor_peak_mb", result.tensor_peak_mb},
        {"threads", device.threads()},
        {"device", device.name()},
        {"precision", to_string(b.precision)},
        {"step", to_string(b.step)},
        {"graph", b.graph},
        {"side_stream", b.side_stream},
        {"warmup", b.sampling.warmup},
        {"repeats", b.sampling.repeats},
        {"config",
         {{"image_size", b.image_size},
          {"batch", b.batch_size},
          {"labels", b.labels},
          {"g_conv_dim", b.g_conv_dim},
          {"d_conv_dim", b.d_conv_dim},
          {"g_repeat", b.g_repeat_num},
          {"d_repeat", b.d_repeat_num},
          {"n_critic", b.n_critic}}},
    });
    // All that changes the work, so that only the same work is compared.
    const std::string name = fmt::format(
        "{} {} {}x{} batch {} labels {} G {}/{} D {}/{} n_critic {}:", to_string(b.step),
        to_string(b.precision), b.image_size, b.image_size, b.batch_size, b.labels, b.g_conv_dim,
        b.g_repeat_num, b.d_conv_dim, b.d_repeat_num, b.n_critic);
    add_measurement(report, name + " D step", result.d_step.samples);
    add_measurement(report, name + " G step", result.g_step.samples);
    nlohmann::json& now = report["cases"].back();
    if (result.macro_iteration) {
        now["macro_iteration_ms"] = result.macro_iteration->median;
        add_measurement(report, name + " macro-iteration", result.macro_iteration->samples);
    }
    if (result.stages.empty()) return;
    double d_ms = 0, g_ms = 0;
    for (const StageTime& s : result.stages) (s.of_g ? g_ms : d_ms) += s.time.median;
    for (const StageTime& s : result.stages) {
        const char* in = s.of_g ? "G step" : "D step";
        now["stages"].push_back({{"name", s.name},
                                 {"in", in},
                                 {"ms", s.time.median},
                                 {"share", s.time.median / (s.of_g ? g_ms : d_ms)}});
        add_measurement(report, fmt::format("{} {}, {}", name, in, s.name), s.time.samples);
    }
}

}  // namespace sg
