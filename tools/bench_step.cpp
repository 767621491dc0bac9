#include <CLI/CLI.hpp>

#include "benchmarks/report.h"
#include "benchmarks/step_benchmark.h"
#include "tools/bench_commands.h"
#include "tools/tool.h"

namespace sg::tools {

namespace {

struct StepOptions {
    StepBenchmark benchmark;
    DeviceOptions device{.name = "cpu"};
    std::string precision = "f32", step = "fused", json;
};

CLI::App* add_step_command(CLI::App& app, StepOptions& options) {
    auto& b = options.benchmark;
    CLI::App* step = app.add_subcommand("step", "times D's and G's training step");
    const auto count = [&](const char* name, int& value, const char* help) {
        step->add_option(name, value, help)
            ->check(CLI::Range(1, most_counted))
            ->capture_default_str();
    };
    add_device_options(*step, options.device);
    step->add_option("--precision", options.precision, "f32, tf32, bf16 or f64")
        ->capture_default_str();
    step->add_option("--step", options.step, "fused, or reference: plain differentiation")
        ->capture_default_str();
    step->add_flag("!--no-graph", b.graph, "on a GPU, launch kernel by kernel");
    step->add_flag("--side-stream", b.side_stream, "on a GPU, weight gradients on a second stream");
    count("--image-size", b.image_size, "height and width of the images");
    count("--batch-size", b.batch_size, "images per step");
    count("--labels", b.labels, "attributes");
    count("--g-conv-dim", b.g_conv_dim, "channels after G's first layer");
    count("--d-conv-dim", b.d_conv_dim, "channels after D's first layer");
    count("--g-repeat-num", b.g_repeat_num, "G's residual blocks");
    count("--d-repeat-num", b.d_repeat_num, "D's strided layers");
    count("--n-critic", b.n_critic, "D steps per G step, for the time of an iteration");
    step->add_option("--warmup", b.warmup, "steps before the clock runs")
        ->check(CLI::Range(0, most_counted))
        ->capture_default_str();
    count("--repeats", b.repeats, "timed steps");
    step->add_option("--json", options.json, "write the measurements to this file");
    return step;
}

void print_row(const char* name, const Times& time) {
    fmt::print("{:<10} {:>10.2f} {:>10.2f} {:>10.2f}\n", name, time.median, time.min, time.max);
}

int run_step(StepOptions& options, const std::string& arguments) {
    auto& benchmark = options.benchmark;
    benchmark.precision = precision_from_string(options.precision);
    benchmark.step = step_kind_from_string(options.step);
    const auto device = open_device(options.device, to_stderr).device;
    JsonFile file(options.json);
    fmt::print("device {}, {}\n", device_report(*device), options.precision);
    const auto result = run_step_benchmark(*device, benchmark, to_stderr);
    fmt::print("{:<10} {:>10} {:>10} {:>10}\n", "ms", "median", "min", "max");
    print_row("D step", result.d_step);
    print_row("G step", result.g_step);
    fmt::print("{:<10} {:>10.2f}  = ({} D + G) / {}\n", "iteration", result.iteration_ms,
               benchmark.n_critic, benchmark.n_critic);
    fmt::print("memory: {:.0f} MB in tensors, {:.0f} MB in all\n", result.tensor_peak_mb,
               result.peak_rss_mb);
    nlohmann::json report =
        new_report("step", arguments, environment(device->name(), options.device.threads));
    add_result(report, *device, benchmark, result);
    file.write(report.dump(1));
    return exit_success;
}

}  // namespace

BenchCommand add_bench_step(CLI::App& app) {
    const auto options = std::make_shared<StepOptions>();
    CLI::App* command = add_step_command(app, *options);
    return {[command] { return command->parsed(); },
            [options](const std::string& arguments) { return run_step(*options, arguments); }};
}

}  // namespace sg::tools
