#include "benchmarks/step_benchmark.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "benchmarks/report.h"
#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "kernels/common/processor.h"
#include "train/joint_schedule.h"
#include "train/memory_plan.h"

namespace sg {

namespace {

constexpr uint64_t seed = 0;
constexpr double learning_rate = 1e-4;
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

std::vector<Tensor> losses_of(const DiscriminatorStep& d) {
    return {d.loss_real, d.loss_fake, d.loss_cls, d.loss_gp};
}
std::vector<Tensor> losses_of(const GeneratorStep& g) {
    return {g.loss_fake, g.loss_cls, g.loss_rec};
}

/// Milliseconds that work() takes, as one CUDA graph where those are wanted.
double timed(Device& device, const StepBenchmark& b, const char* name,
             const std::function<void()>& work) {
    device.synchronize();
    const auto start = std::chrono::steady_clock::now();
    if (b.graph)
        device.run_as_graph(name, work);
    else
        work();
    device.synchronize();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

/// Of a turn, updates included.
double timed_turn(StarGan& model, const TrainingBatch& batch, const StepBenchmark& b, bool g_turn) {
    std::vector<Tensor> losses;
    schedule_updates(model, g_turn, learning_rate, learning_rate, {});
    const double time = timed(batch.x_real.device(), b, g_turn ? "D and G" : "D", [&] {
        training_turn(model, {}, batch, b.step, g_turn, [&](const auto& step) {
            update(model, step, {});
            for (const Tensor& loss : losses_of(step)) losses.push_back(loss);
        });
    });
    for (const Tensor& loss : losses)
        require(std::isfinite(loss.item()), "benchmark", "a step has a loss of {}", loss.item());
    return time;
}

/// Of a D step with its part of the fakes that are made together.
double timed_d_step(StarGan& model, const TrainingBatch& batch, const StepBenchmark& b) {
    const int together = JointSchedule(1, "one", b.n_critic).together(0).count;
    if (b.step == StepKind::reference || b.n_critic == 1) return timed_turn(model, batch, b, false);
    std::vector<TrainingBatch> batches(together, batch);
    const double fakes =
        timed(batch.x_real.device(), b, "fakes", [&] { generate_fakes(model.G, batches); });
    return fakes / together + timed_turn(model, batches[0], b, false);
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
    require(b.warmup >= 0 && b.repeats >= 1, "benchmark", "{} repeats after {} to warm up",
            b.repeats, b.warmup);
    prepare_device(device,
                   {.model = model_config(b),
                    .precision = b.precision,
                    .batch = b.batch_size,
                    .step = b.step,
                    .side_stream = b.side_stream,
                    .n_critic = b.n_critic},
                   say);
    device.use_two_streams(b.side_stream);
    StarGan model(device, model_config(b), b.precision, 0, masters_for(b.step));
    initialise(model, seed);
    const TrainingBatch batch = random_batch(device, b);

    std::vector<double> d_times, g_times;
    for (int i = 0; i < b.warmup + b.repeats; ++i) {
        const double d = timed_d_step(model, batch, b);
        const double g = timed_turn(model, batch, b, true) - d;
        if (i < b.warmup) continue;
        d_times.push_back(d);
        g_times.push_back(g);
    }
    StepBenchmarkResult result{.d_step = summarise(d_times), .g_step = summarise(g_times)};
    result.iteration_ms = (b.n_critic * result.d_step.median + result.g_step.median) / b.n_critic;
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
        {"warmup", b.warmup},
        {"repeats", b.repeats},
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
    const std::string name = fmt::format("{} {}", to_string(b.step), to_string(b.precision));
    add_measurement(report, name + " D step", result.d_step.samples);
    add_measurement(report, name + " G step", result.g_step.samples);
}

}  // namespace sg
