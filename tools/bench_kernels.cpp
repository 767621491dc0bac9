#include <CLI/CLI.hpp>

#include "benchmarks/conv_layers.h"
#include "benchmarks/kernel_report.h"
#include "benchmarks/report.h"
#include "kernels/common/error.h"
#include "tools/bench_commands.h"
#include "tools/bench_suite.h"
#include "tools/tool.h"

namespace sg::tools {

namespace {

struct KernelOptions {
    KernelBenchmark benchmark;
    KernelSuite suite;
    std::string shape, precision = "f32", window = "3x3", layer, json;
    std::string suite_name, ceilings = "measure";
    int filters = 0, stride = 1, pad = -1, batch = 0, image = 0;
    bool list = false, cold_only = false, in_place = false;
};

void add_conv_options(CLI::App& kernels, KernelOptions& options) {
    const auto count = [&](const char* name, int& value, int least, const char* help) {
        return kernels.add_option(name, value, help)->check(CLI::Range(least, most_counted));
    };
    count("--filters", options.filters, 1, "conv: K; default C");
    kernels.add_option("--window", options.window, "conv: RxS")->capture_default_str();
    count("--stride", options.stride, 1, "conv")->capture_default_str();
    count("--pad", options.pad, 0, "conv; default (R - 1) / 2");
    kernels
        .add_option("--layer", options.layer,
                    fmt::format("conv: a layer of the paper's networks instead of the above: {}",
                                fmt::join(conv_layer_names(), ", ")))
        ->excludes("--shape", "--filters", "--window", "--stride", "--pad");
    count("--batch", options.batch, 1, "of --layer; default 16, 1 on sim")->needs("--layer");
    count("--image", options.image, 1, "of --layer; default 128, 32 on sim")->needs("--layer");
}

void add_suite_options(CLI::App& kernels, KernelOptions& options) {
    kernels
        .add_option("--suite", options.suite_name,
                    fmt::format("every kernel on the shapes of a network: {}",
                                fmt::join(kernel_suites(), ", ")))
        ->excludes("--shape", "--layer", "--kernel", "--version");
    kernels
        .add_flag("--ladder", options.suite.ladder,
                  "of --suite: all versions, not only those that the engine uses")
        ->needs("--suite");
    kernels
        .add_option("--seconds", options.suite.seconds, "of --suite: start no case after so long")
        ->needs("--suite")
        ->check(CLI::NonNegativeNumber);
    kernels
        .add_option("--filter", options.suite.filter,
                    "of --suite: regular expression, which of the cases that --list prints")
        ->needs("--suite");
}

void add_measuring_options(CLI::App& kernels, KernelOptions& options) {
    Sampling& sampling = options.benchmark.sampling;
    kernels.add_option("--repeats", sampling.repeats, "timed runs")
        ->check(CLI::Range(1, most_counted))
        ->capture_default_str();
    kernels
        .add_option("--attempts", sampling.attempts,
                    "measure again, at most so often, what spreads by more than 5 %")
        ->check(CLI::Range(1, most_counted))
        ->capture_default_str();
    kernels.add_flag("--cold-only", options.cold_only,
                     "not also with operands that were used just before");
    kernels.add_flag("--in-place", options.in_place,
                     "one copy of the operands, whatever the caches hold; takes less memory");
    kernels
        .add_option("--ceilings", options.ceilings,
                    "what to compare with: measure (copies and products, first), off, or a file "
                    "that sg_bench ceilings --json wrote")
        ->capture_default_str();
    kernels.add_option("--json", options.json, "write the measurements to this file");
}

CLI::App* add_kernels_command(CLI::App& app, KernelOptions& options) {
    auto& b = options.benchmark;
    CLI::App* kernels = app.add_subcommand(
        "kernels", "runs the versions of a kernel: counts on sim, times on cpu and cuda");
    kernels
        ->add_option("--kernel", b.kernel,
                     fmt::format("{}", fmt::join(benchmark_kernels(), " or ")))
        ->capture_default_str();
    kernels
        ->add_option("--version", b.version,
                     "step of the kernel's ladder; 0: all, and what there is to compare with: "
                     "oneDNN, NVIDIA's libraries, or the ops that a framework composes")
        ->capture_default_str();
    kernels->add_option("--device", b.device, "cpu, sim or cuda")->capture_default_str();
    kernels->add_option("--shape", options.shape,
                        "NxHxWxC; default: of the paper's networks, smaller where that takes long");
    add_conv_options(*kernels, options);
    kernels
        ->add_option(
            "--precision", options.precision,
            "f32, bf16, or tf32 for convolutions on devices; with --suite several: f32,bf16")
        ->capture_default_str();
    add_suite_options(*kernels, options);
    kernels->add_option("--architecture", b.architecture, "sim: compute capability, 80 or 90")
        ->capture_default_str();
    kernels->add_option("--processors", b.processors, "sim: for how many plans are made")
        ->check(CLI::Range(1, most_counted))
        ->capture_default_str();
    kernels->add_option("--threads", b.threads, "0: one per processor")->capture_default_str();
    add_measuring_options(*kernels, options);
    kernels->add_flag("--list", options.list,
                      "only print the kernels and their versions; with --suite, its cases");
    return kernels;
}

/// The extents of x.
ConvShape parse_shape(const std::string& text) {
    long long n = 0, h = 0, w = 0, c = 0;
    int used = 0;
    const bool good =
        std::sscanf(text.c_str(), "%lldx%lldx%lldx%lld%n", &n, &h, &w, &c, &used) == 4;
    if (!good || size_t(used) != text.size() || std::min({n, h, w, c}) < 1 ||
        std::max({n, h, w, c}) > most_counted ||
        double(n) * double(h) * double(w) * double(c) > 1e10)
        throw UsageError(fmt::format("--shape {}: expected NxHxWxC, e.g. 16x128x128x64", text));
    return {.N = n, .H = h, .W = w, .C = c};
}

ConvShape conv_shape(const KernelOptions& o) {
    const bool sim = o.benchmark.device == "sim";
    if (!o.layer.empty())
        return conv_layer(o.layer,
                          o.batch ? o.batch
                          : sim   ? 1
                                  : 16,
                          o.image ? o.image
                          : sim   ? 32
                                  : 128);
    ConvShape s = parse_shape(o.shape);
    int r = 0, columns = 0, used = 0;
    const bool good = std::sscanf(o.window.c_str(), "%dx%d%n", &r, &columns, &used) == 2;
    if (!good || size_t(used) != o.window.size() || std::min(r, columns) < 1 ||
        std::max(r, columns) > most_counted)
        throw UsageError(fmt::format("--window {}: expected RxS, e.g. 3x3", o.window));
    s.K = o.filters ? o.filters : s.C;
    s.R = r, s.S = columns, s.stride = o.stride, s.pad = o.pad < 0 ? (r - 1) / 2 : o.pad;
    return s;
}

void check_precision(const std::string& name) {
    if (name != "f32" && name != "bf16" && name != "tf32")
        throw UsageError(fmt::format("--precision {}: expected f32, tf32 or bf16", name));
}

KernelSuite suite_of(const KernelOptions& options) {
    const KernelBenchmark& b = options.benchmark;
    KernelSuite suite = options.suite;
    suite.name = options.suite_name;
    suite.device = b.device, suite.threads = b.threads, suite.sampling = b.sampling;
    suite.warm = b.warm, suite.copies = b.copies;
    suite.precisions = CLI::detail::split(options.precision, ',');
    for (const std::string& precision : suite.precisions) check_precision(precision);
    return suite;
}

int run_kernels(KernelOptions& options, const CLI::App& command, const std::string& arguments) {
    auto& b = options.benchmark;
    b.warm = !options.cold_only;
    b.copies = options.in_place ? 1 : 0;
    if (!options.suite_name.empty()) {
        const KernelSuite suite = suite_of(options);
        if (!options.list) return run_suite(suite, options.ceilings, options.json, arguments);
        for (const KernelBenchmark& one : suite_cases(suite)) fmt::print("{}\n", case_name(one));
        return exit_success;
    }
    if (options.list) {
        print_kernel_list(b.device);
        return exit_success;
    }
    JsonFile file(options.json);
    check_precision(options.precision);
    set_precision(b, options.precision);
    if (options.shape.empty()) options.shape = default_shape(b.kernel, b.device);
    std::string shape = options.shape;
    if (is_conv_kernel(b.kernel)) {
        b.conv = conv_shape(options);
        b.layer = options.layer;
        shape = to_string(b.conv);
    } else {
        for (const char* name : {"--filters", "--window", "--stride", "--pad", "--layer"})
            if (command.count(name))
                throw UsageError(fmt::format("{} does not apply to {}", name, b.kernel));
        b.conv = parse_shape(shape);
        b.norm = {.N = b.conv.N, .M = b.conv.H * b.conv.W, .C = b.conv.C};
    }
    fmt::print("{} on {}, {} {}\n", b.kernel, b.device, shape, options.precision);
    nlohmann::json report = new_report("kernels", arguments, environment(b.device, b.threads));
    const Roofs roofs = find_roofs(options.ceilings, b.device, b.threads, report);
    const auto results = run_kernel_benchmark(b);
    print_report(b, results, roofs);
    report["cases"].push_back(to_json(b, results, roofs));
    add_measurements(report, b, results);
    file.write(report.dump(1));
    return exit_success;
}

}  // namespace

BenchCommand add_bench_kernels(CLI::App& app) {
    const auto options = std::make_shared<KernelOptions>();
    CLI::App* command = add_kernels_command(app, *options);
    return {[command] { return command->parsed(); },
            [options, command](const std::string& arguments) {
                return run_kernels(*options, *command, arguments);
            }};
}

}  // namespace sg::tools
