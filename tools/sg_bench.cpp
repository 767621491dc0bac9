#include <CLI/CLI.hpp>

#include "benchmarks/kernel_benchmark.h"
#include "benchmarks/step_benchmark.h"
#include "engine/atomic_file.h"
#include "tools/tool.h"

namespace {

constexpr int most = 1 << 20;  // of anything that is counted; keeps products far from overflow

struct StepOptions {
    sg::StepBenchmark benchmark;
    sg::tools::DeviceOptions device{.name = "cpu"};
    std::string precision = "f32", json;
};

CLI::App* add_step_command(CLI::App& app, StepOptions& options) {
    auto& b = options.benchmark;
    CLI::App* step = app.add_subcommand("step", "times D's and G's training step");
    const auto count = [&](const char* name, int& value, const char* help) {
        step->add_option(name, value, help)->check(CLI::Range(1, most))->capture_default_str();
    };
    sg::tools::add_device_options(*step, options.device);
    step->add_option("--precision", options.precision, "f32, bf16 or f64")->capture_default_str();
    count("--image-size", b.image_size, "height and width of the images");
    count("--batch-size", b.batch_size, "images per step");
    count("--labels", b.labels, "attributes");
    count("--g-conv-dim", b.g_conv_dim, "channels after G's first layer");
    count("--d-conv-dim", b.d_conv_dim, "channels after D's first layer");
    count("--g-repeat-num", b.g_repeat_num, "G's residual blocks");
    count("--d-repeat-num", b.d_repeat_num, "D's strided layers");
    count("--n-critic", b.n_critic, "D steps per G step, for the time of an iteration");
    step->add_option("--warmup", b.warmup, "steps before the clock runs")
        ->check(CLI::Range(0, most))
        ->capture_default_str();
    count("--repeats", b.repeats, "timed steps");
    step->add_option("--json", options.json, "write the measurements to this file");
    return step;
}

void print_row(const char* name, const sg::StepTime& time) {
    fmt::print("{:<10} {:>10.2f} {:>10.2f} {:>10.2f}\n", name, time.median, time.min, time.max);
}

int run_step(StepOptions& options) {
    auto& benchmark = options.benchmark;
    benchmark.precision = sg::precision_from_string(options.precision);
    const auto device = sg::tools::open_device(options.device);
    std::optional<sg::AtomicFile> file;  // opened first: a wrong path must not cost the measurement
    if (!options.json.empty()) file.emplace(options.json);
    fmt::print("device {}, {}\n", sg::tools::device_report(*device), options.precision);
    const auto result = sg::run_step_benchmark(*device, benchmark);
    fmt::print("{:<10} {:>10} {:>10} {:>10}\n", "ms", "median", "min", "max");
    print_row("D step", result.d_step);
    print_row("G step", result.g_step);
    fmt::print("{:<10} {:>10.2f}  = ({} D + G) / {}\n", "iteration", result.iteration_ms,
               benchmark.n_critic, benchmark.n_critic);
    fmt::print("memory: {:.0f} MB in tensors, {:.0f} MB in all\n", result.tensor_peak_mb,
               result.peak_rss_mb);
    if (file) {
        file->write(sg::to_json(*device, benchmark, result).dump(2) + "\n");
        file->commit();
    }
    return sg::tools::exit_success;
}

struct KernelOptions {
    sg::KernelBenchmark benchmark;
    std::string shape, precision = "f32";
};

CLI::App* add_kernels_command(CLI::App& app, KernelOptions& options) {
    auto& b = options.benchmark;
    CLI::App* kernels = app.add_subcommand(
        "kernels", "runs the versions of a kernel: counts on sim, times on cpu and cuda");
    kernels
        ->add_option("--kernel", b.kernel,
                     fmt::format("{}", fmt::join(sg::benchmark_kernels(), " or ")))
        ->capture_default_str();
    kernels->add_option("--version", b.version, "step of the kernel's ladder; 0: all")
        ->capture_default_str();
    kernels->add_option("--device", b.device, "cpu, sim or cuda")->capture_default_str();
    kernels->add_option("--shape", options.shape,
                        "NxHxWxC; default 16x128x128x64 (G's first layer), 2x32x32x64 on sim");
    kernels->add_option("--precision", options.precision, "f32 or bf16")->capture_default_str();
    kernels->add_option("--architecture", b.architecture, "sim: compute capability, 80 or 90")
        ->capture_default_str();
    kernels->add_option("--threads", b.threads, "0: one per processor")->capture_default_str();
    kernels->add_option("--repeats", b.repeats, "timed runs")
        ->check(CLI::Range(1, most))
        ->capture_default_str();
    return kernels;
}

sg::InstanceNormShape parse_shape(const std::string& text) {
    long long n = 0, h = 0, w = 0, c = 0;
    int used = 0;
    const bool good =
        std::sscanf(text.c_str(), "%lldx%lldx%lldx%lld%n", &n, &h, &w, &c, &used) == 4;
    if (!good || size_t(used) != text.size() || std::min({n, h, w, c}) < 1 ||
        std::max({n, h, w, c}) > most || double(n) * double(h) * double(w) * double(c) > 1e10)
        throw sg::tools::UsageError(
            fmt::format("--shape {}: expected NxHxWxC, e.g. 16x128x128x64", text));
    return {.N = n, .M = h * w, .C = c};
}

/// What a reader compares: bytes against the least possible, and what slows them down.
void print_counts(const std::vector<sg::KernelResult>& results, int64_t least) {
    fmt::print("{:>2} {:<17} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10}\n", "v", "name", "moved MB",
               "of least", "used", "conflicts", "barriers", "shuffles", "divergent");
    for (const auto& r : results) {
        if (!r.skipped.empty()) {
            fmt::print("{:>2} {:<17} not run: {}\n", r.version, r.name, r.skipped);
            continue;
        }
        sg::LaunchCounts all;
        for (const auto& launch : r.launches) all.add(launch);
        const auto &loads = all.global_loads, &stores = all.global_stores;
        const double moved = 32.0 * double(loads.sectors + stores.sectors);
        fmt::print("{:>2} {:<17} {:>9.2f} {:>7.2f}x {:>8.0f}% {:>9} {:>9} {:>9} {:>10}\n",
                   r.version, r.name, moved / 1e6, moved / double(least),
                   std::min(100.0, 100 * double(loads.bytes + stores.bytes) / moved),
                   all.shared_loads.conflicts + all.shared_stores.conflicts, all.barriers,
                   all.collectives, all.divergent);
    }
}

void print_times(const std::vector<sg::KernelResult>& results, int64_t least) {
    fmt::print("{:>2} {:<17} {:>10} {:>10} {:>10} {:>10}\n", "v", "name", "median ms", "min", "max",
               "GB/s");
    for (const auto& r : results) {
        if (!r.skipped.empty())
            fmt::print("{:>2} {:<17} not run: {}\n", r.version, r.name, r.skipped);
        else
            fmt::print("{:>2} {:<17} {:>10.3f} {:>10.3f} {:>10.3f} {:>10.1f}\n", r.version, r.name,
                       r.time.median, r.time.min, r.time.max, double(least) / 1e6 / r.time.median);
    }
}

int run_kernels(KernelOptions& options) {
    auto& b = options.benchmark;
    const bool sim = b.device == "sim";
    if (options.precision != "f32" && options.precision != "bf16")
        throw sg::tools::UsageError(
            fmt::format("--precision {}: expected f32 or bf16", options.precision));
    b.bf16 = options.precision == "bf16";
    if (options.shape.empty()) options.shape = sim ? "2x32x32x64" : "16x128x128x64";
    b.shape = parse_shape(options.shape);
    fmt::print("{} on {}, {} {}\n", b.kernel, b.device, options.shape, options.precision);
    const auto results = sg::run_kernel_benchmark(b);
    if (sim)
        print_counts(results, sg::least_bytes(b));
    else
        print_times(results, sg::least_bytes(b));
    for (const auto& r : results) fmt::print("{:>2} {}: {}\n", r.version, r.name, r.idea);
    return sg::tools::exit_success;
}

int run(int argc, char** argv) {
    StepOptions step_options;
    KernelOptions kernel_options;
    CLI::App app{"Measures how fast this machine trains, and what its kernels do."};
    app.require_subcommand(1);
    const CLI::App* step = add_step_command(app, step_options);
    add_kernels_command(app, kernel_options);
    if (const auto code = sg::tools::parse(app, argc, argv)) return *code;
    return step->parsed() ? run_step(step_options) : run_kernels(kernel_options);
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_bench", run, argc, argv);
}
