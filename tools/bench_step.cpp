#include <CLI/CLI.hpp>

#include "benchmarks/report.h"
#include "benchmarks/step_benchmark.h"
#include "tools/bench_commands.h"
#include "tools/step_options.h"
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
    add_device_options(*step, options.device);
    add_step_options(*step, b, options.precision, options.step);
    step->add_flag("--stages", b.stages, "also where the time goes: D forward, wgrad, Adam, ...");
    step->add_option("--json", options.json, "write the measurements to this file");
    return step;
}

void print_row(const std::string& name, const Times& time) {
    fmt::print("{:<16} {:>10.2f} {:>10.2f} {:>10.2f} {:>6.1f}%\n", name, time.median, time.min,
               time.max, 100 * time.spread);
}

void print_stages(const StepBenchmarkResult& result) {
    for (const bool of_g : {false, true}) {
        double all = 0;
        for (const StageTime& s : result.stages) all += s.of_g == of_g ? s.time.median : 0;
        for (const StageTime& s : result.stages)
            if (s.of_g == of_g)
                fmt::print("  {} {:<20} {:>10.3f} ms {:>5.1f} %\n", of_g ? "G step" : "D step",
                           s.name, s.time.median, 100 * s.time.median / all);
    }
}

void print_result(const StepBenchmark& b, const StepBenchmarkResult& result) {
    fmt::print("{:<16} {:>10} {:>10} {:>10} {:>7}\n", fmt::format("{}, ms", to_string(b.step)),
               "median", "min", "max", "spread");
    print_row("D step", result.d_step);
    print_row("G step", result.g_step);
    if (result.macro_iteration) print_row("macro-iteration", *result.macro_iteration);
    fmt::print("{:<16} {:>10.2f}  = {} / {}\n", "iteration", result.iteration_ms,
               result.macro_iteration ? "macro-iteration" : fmt::format("({} D + G)", b.n_critic),
               b.n_critic);
    fmt::print("memory: {:.0f} MB in tensors, {:.0f} MB in all\n", result.tensor_peak_mb,
               result.peak_rss_mb);
    print_stages(result);
}

int run_step(StepOptions& options, const std::string& arguments) {
    auto& benchmark = options.benchmark;
    benchmark.precision = precision_from_string(options.precision);
    std::vector<StepKind> kinds;
    for (const std::string& kind : CLI::detail::split(options.step, ','))
        kinds.push_back(step_kind_from_string(kind));
    JsonFile file(options.json);
    nlohmann::json report;
    std::vector<double> iterations;
    for (const StepKind kind : kinds) {
        benchmark.step = kind;
        const auto device = open_device(options.device, to_stderr).device;
        if (report.is_null()) {
            fmt::print("device {}, {}\n", device_report(*device), options.precision);
            report =
                new_report("step", arguments, environment(device->name(), options.device.threads));
        }
        const auto result = run_step_benchmark(*device, benchmark, to_stderr);
        print_result(benchmark, result);
        add_result(report, *device, benchmark, result);
        iterations.push_back(result.iteration_ms);
    }
    if (iterations.size() == 2)
        fmt::print("an iteration of {} takes {:.2f} times as long as one of {}\n",
                   to_string(kinds[1]), iterations[1] / iterations[0], to_string(kinds[0]));
    file.write(report.dump(1));
    return exit_success;
}

}  // namespace

void add_step_options(CLI::App& app, StepBenchmark& b, std::string& precision, std::string& step) {
    const auto count = [&](const char* name, int& value, const char* help) {
        app.add_option(name, value, help)
            ->check(CLI::Range(1, most_counted))
            ->capture_default_str();
    };
    app.add_option("--precision", precision, "f32, tf32, bf16 or f64")->capture_default_str();
    app.add_option("--step", step,
                   "fused, or reference: plain differentiation; step also takes both: "
                   "fused,reference")
        ->capture_default_str();
    app.add_flag("!--no-graph", b.graph, "on a GPU, launch kernel by kernel");
    app.add_flag("--side-stream", b.side_stream, "on a GPU, weight gradients on a second stream");
    count("--image-size", b.image_size, "height and width of the images");
    count("--batch-size", b.batch_size, "images per step");
    count("--labels", b.labels, "attributes");
    count("--g-conv-dim", b.g_conv_dim, "channels after G's first layer");
    count("--d-conv-dim", b.d_conv_dim, "channels after D's first layer");
    count("--g-repeat-num", b.g_repeat_num, "G's residual blocks");
    count("--d-repeat-num", b.d_repeat_num, "D's strided layers");
    count("--n-critic", b.n_critic, "D steps per G step, for the time of an iteration");
    app.add_option("--warmup", b.sampling.warmup, "steps before the clock runs")
        ->check(CLI::Range(0, most_counted))
        ->capture_default_str();
    count("--repeats", b.sampling.repeats, "timed steps");
    count("--attempts", b.sampling.attempts,
          "measure again, at most so often, what spreads by more than 5 %");
}

BenchCommand add_bench_step(CLI::App& app) {
    const auto options = std::make_shared<StepOptions>();
    CLI::App* command = add_step_command(app, *options);
    return {[command] { return command->parsed(); },
            [options](const std::string& arguments) { return run_step(*options, arguments); }};
}

}  // namespace sg::tools
