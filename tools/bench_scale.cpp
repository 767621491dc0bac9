#include <CLI/CLI.hpp>
#include <algorithm>

#include "benchmarks/report.h"
#include "benchmarks/scale_benchmark.h"
#include "kernels/common/error.h"
#include "tools/bench_commands.h"
#include "tools/step_options.h"
#include "tools/tool.h"

namespace sg::tools {

namespace {

struct ScaleOptions {
    StepBenchmark benchmark{.sampling = {.warmup = 1, .repeats = 5, .attempts = 1}};
    DeviceOptions device{.name = "cpu"};
    std::string precision = "f32", step = "fused", axes, json;
    std::vector<int> values;
};

void print_sweep(const ScaleResult& result) {
    if (result.points.size() >= 2)
        fmt::print("time grows as {}^{:.2f}, by its FLOPs it would as {}^{:.2f}\n",
                   result.sweep.axis, result.exponent, result.sweep.axis, result.model_exponent);
    for (const std::string& text : result.departures) fmt::print("  {}\n", text);
}

int run_scale(ScaleOptions& options, const std::string& arguments) {
    StepBenchmark& b = options.benchmark;
    b.precision = precision_from_string(options.precision);
    b.step = step_kind_from_string(options.step);
    JsonFile file(options.json);
    const auto open = [&](int threads) {
        DeviceOptions device = options.device;
        if (threads > 0) device.threads = threads;
        return open_device(device, to_stderr).device;
    };
    const auto device = open(0);
    nlohmann::json report =
        new_report("scale", arguments, environment(device->name(), options.device.threads));
    fmt::print("device {}, {}\n", device_report(*device), options.precision);
    std::vector<ScaleSweep> sweeps;
    if (options.axes.empty()) {
        options.axes = fmt::format("{}", fmt::join(scale_axes(), ","));
        if (!device->is_cpu()) options.axes = "image,batch,channels,labels";
    }
    for (const std::string& axis : CLI::detail::split(options.axes, ',')) {
        sweeps.push_back(default_sweep(axis, b, device->name(), device->threads()));
        if (options.values.empty()) continue;
        sweeps.back().values = options.values;
        auto& values = sweeps.back().values;
        std::ranges::sort(values);
        values.erase(std::unique(values.begin(), values.end()), values.end());
    }
    if (!options.values.empty() && sweeps.size() != 1)
        throw UsageError("--values are those of one axis: name it with --axis");
    for (const ScaleSweep& sweep : sweeps) {
        fmt::print("\n{:<10} {:>10} {:>10} {:>12} {:>10} {:>10}\n", sweep.axis, "D step ms",
                   "G step ms", "iteration ms", "GFLOP", "TFLOP/s");
        const ScaleResult result = run_sweep(sweep, b, open, [](const ScalePoint& p) {
            fmt::print("{:<10} {:>10.2f} {:>10.2f} {:>12.2f} {:>10.2f} {:>10.3f}\n", p.x,
                       p.measured.d_step.median, p.measured.g_step.median, p.measured.iteration_ms,
                       p.flops / 1e9, p.flops / 1e9 / p.measured.iteration_ms);
            std::fflush(stdout);
        });
        print_sweep(result);
        add_result(report, result, b.precision);
    }
    file.write(report.dump(1));
    return exit_success;
}

}  // namespace

BenchCommand add_bench_scale(CLI::App& app) {
    const auto options = std::make_shared<ScaleOptions>();
    CLI::App* command = app.add_subcommand(
        "scale", "how the time of a training step grows with image size, batch, channels, ...");
    command->add_option(
        "--axis", options->axes,
        fmt::format("which, the others stay; default: all that the device has of {}",
                    fmt::join(scale_axes(), ", ")));
    command
        ->add_option("--values", options->values,
                     "of one axis; default: doubling, around the network below")
        ->delimiter(',')
        ->check(CLI::Range(1, most_counted));
    add_device_options(*command, options->device);
    add_step_options(*command, options->benchmark, options->precision, options->step);
    command->add_option("--json", options->json, "write the measurements to this file");
    return {[command] { return command->parsed(); },
            [options](const std::string& arguments) { return run_scale(*options, arguments); }};
}

}  // namespace sg::tools
