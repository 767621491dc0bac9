#include <CLI/CLI.hpp>

#include "benchmarks/conv_layers.h"
#include "benchmarks/kernel_report.h"
#include "benchmarks/loader_benchmark.h"
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
    const auto device = sg::tools::open_device(options.device, sg::tools::to_stderr).device;
    std::optional<sg::AtomicFile> file;  // opened first: a wrong path must not cost the measurement
    if (!options.json.empty()) file.emplace(options.json);
    fmt::print("device {}, {}\n", sg::tools::device_report(*device), options.precision);
    const auto result = sg::run_step_benchmark(*device, benchmark, sg::tools::to_stderr);
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

struct LoaderCommand {
    sg::LoaderBenchmark benchmark;
    sg::tools::DeviceOptions device{.name = "cpu"};
    std::string json;
};

CLI::App* add_loader_command(CLI::App& app, LoaderCommand& options) {
    auto& [config, images, batches, rounds] = options.benchmark;
    CLI::App* loader = app.add_subcommand(
        "loader", "times reading images, making batches of them and uploading these");
    const auto count = [&](const char* name, int& value, const char* help) {
        loader->add_option(name, value, help)->check(CLI::Range(1, most))->capture_default_str();
    };
    config.packs = "off";
    loader->add_option("--data", config.data, "KIND:PLACE,KEY=VALUE... as for sg_train")
        ->capture_default_str();
    loader->add_option("--packs", config.packs, "off, or a folder for decoded images")
        ->capture_default_str();
    loader->add_option("--image-size", config.image_size, "one side or HEIGHTxWIDTH")
        ->capture_default_str();
    count("--batch-size", config.batch_size, "images of a batch");
    count("--num-workers", config.num_workers, "loading threads");
    count("--images", images, "images of a data set that take part");
    count("--batches", batches, "batches of a round");
    count("--rounds", rounds, "timed rounds");
    sg::tools::add_device_options(*loader, options.device);
    loader->add_option("--json", options.json, "write the measurements to this file");
    return loader;
}

int run_loader(LoaderCommand& options) {
    const auto device = sg::tools::open_device(options.device, sg::tools::to_stderr).device;
    std::optional<sg::AtomicFile> file;
    if (!options.json.empty()) file.emplace(options.json);
    fmt::print("device {}\n", sg::tools::device_report(*device));
    const auto results = sg::run_loader_benchmark(*device, options.benchmark, sg::tools::to_stderr);
    sg::print_report(options.benchmark, results);
    if (file) {
        file->write(sg::to_json(*device, options.benchmark, results).dump(2) + "\n");
        file->commit();
    }
    return sg::tools::exit_success;
}

struct KernelOptions {
    sg::KernelBenchmark benchmark;
    std::string shape, precision = "f32", window = "3x3", layer;
    int filters = 0, stride = 1, pad = -1, batch = 0, image = 0;
    bool list = false;
};

void add_conv_options(CLI::App& kernels, KernelOptions& options) {
    const auto count = [&](const char* name, int& value, int least, const char* help) {
        return kernels.add_option(name, value, help)->check(CLI::Range(least, most));
    };
    count("--filters", options.filters, 1, "conv: K; default C");
    kernels.add_option("--window", options.window, "conv: RxS")->capture_default_str();
    count("--stride", options.stride, 1, "conv")->capture_default_str();
    count("--pad", options.pad, 0, "conv; default (R - 1) / 2");
    kernels
        .add_option("--layer", options.layer,
                    fmt::format("conv: a layer of the paper's networks instead of the above: {}",
                                fmt::join(sg::conv_layer_names(), ", ")))
        ->excludes("--shape", "--filters", "--window", "--stride", "--pad");
    count("--batch", options.batch, 1, "of --layer; default 16, 1 on sim")->needs("--layer");
    count("--image", options.image, 1, "of --layer; default 128, 32 on sim")->needs("--layer");
}

CLI::App* add_kernels_command(CLI::App& app, KernelOptions& options) {
    auto& b = options.benchmark;
    CLI::App* kernels = app.add_subcommand(
        "kernels", "runs the versions of a kernel: counts on sim, times on cpu and cuda");
    kernels
        ->add_option("--kernel", b.kernel,
                     fmt::format("{}", fmt::join(sg::benchmark_kernels(), " or ")))
        ->capture_default_str();
    kernels
        ->add_option("--version", b.version,
                     "step of the kernel's ladder; 0: all, on cuda with NVIDIA's libraries")
        ->capture_default_str();
    kernels->add_option("--device", b.device, "cpu, sim or cuda")->capture_default_str();
    kernels->add_option("--shape", options.shape,
                        "NxHxWxC; default: of the paper's networks, smaller where that takes long");
    add_conv_options(*kernels, options);
    kernels->add_option("--precision", options.precision, "f32 or bf16")->capture_default_str();
    kernels->add_option("--architecture", b.architecture, "sim: compute capability, 80 or 90")
        ->capture_default_str();
    kernels->add_option("--processors", b.processors, "sim: for how many plans are made")
        ->check(CLI::Range(1, most))
        ->capture_default_str();
    kernels->add_option("--threads", b.threads, "0: one per processor")->capture_default_str();
    kernels->add_option("--repeats", b.repeats, "timed runs")
        ->check(CLI::Range(1, most))
        ->capture_default_str();
    kernels->add_flag("--list", options.list, "only print the kernels and their versions");
    return kernels;
}

/// The extents of x.
sg::ConvShape parse_shape(const std::string& text) {
    long long n = 0, h = 0, w = 0, c = 0;
    int used = 0;
    const bool good =
        std::sscanf(text.c_str(), "%lldx%lldx%lldx%lld%n", &n, &h, &w, &c, &used) == 4;
    if (!good || size_t(used) != text.size() || std::min({n, h, w, c}) < 1 ||
        std::max({n, h, w, c}) > most || double(n) * double(h) * double(w) * double(c) > 1e10)
        throw sg::tools::UsageError(
            fmt::format("--shape {}: expected NxHxWxC, e.g. 16x128x128x64", text));
    return {.N = n, .H = h, .W = w, .C = c};
}

sg::ConvShape conv_shape(const KernelOptions& o) {
    const bool sim = o.benchmark.device == "sim";
    if (!o.layer.empty())
        return sg::conv_layer(o.layer,
                              o.batch ? o.batch
                              : sim   ? 1
                                      : 16,
                              o.image ? o.image
                              : sim   ? 32
                                      : 128);
    sg::ConvShape s = parse_shape(o.shape);
    int r = 0, columns = 0, used = 0;
    const bool good = std::sscanf(o.window.c_str(), "%dx%d%n", &r, &columns, &used) == 2;
    if (!good || size_t(used) != o.window.size() || std::min(r, columns) < 1 ||
        std::max(r, columns) > most)
        throw sg::tools::UsageError(fmt::format("--window {}: expected RxS, e.g. 3x3", o.window));
    s.K = o.filters ? o.filters : s.C;
    s.R = r, s.S = columns, s.stride = o.stride, s.pad = o.pad < 0 ? (r - 1) / 2 : o.pad;
    return s;
}

int run_kernels(KernelOptions& options, const CLI::App& command) {
    auto& b = options.benchmark;
    if (options.precision != "f32" && options.precision != "bf16")
        throw sg::tools::UsageError(
            fmt::format("--precision {}: expected f32 or bf16", options.precision));
    b.bf16 = options.precision == "bf16";
    if (options.list) {
        sg::print_kernel_list(b.device);
        return sg::tools::exit_success;
    }
    if (options.shape.empty()) options.shape = sg::default_shape(b.kernel, b.device);
    std::string shape = options.shape;
    if (sg::is_conv_kernel(b.kernel)) {
        b.conv = conv_shape(options);
        shape = to_string(b.conv);
    } else {
        for (const char* name : {"--filters", "--window", "--stride", "--pad", "--layer"})
            if (command.count(name))
                throw sg::tools::UsageError(fmt::format("{} does not apply to {}", name, b.kernel));
        b.conv = parse_shape(shape);
        b.norm = {.N = b.conv.N, .M = b.conv.H * b.conv.W, .C = b.conv.C};
    }
    fmt::print("{} on {}, {} {}\n", b.kernel, b.device, shape, options.precision);
    sg::print_report(b, sg::run_kernel_benchmark(b));
    return sg::tools::exit_success;
}

int run(int argc, char** argv) {
    StepOptions step_options;
    LoaderCommand loader_options;
    KernelOptions kernel_options;
    CLI::App app{"Measures how fast this machine trains, and what its kernels do."};
    app.require_subcommand(1);
    const CLI::App* step = add_step_command(app, step_options);
    const CLI::App* loader = add_loader_command(app, loader_options);
    const CLI::App* kernels = add_kernels_command(app, kernel_options);
    if (const auto code = sg::tools::parse(app, argc, argv)) return *code;
    if (loader->parsed()) return run_loader(loader_options);
    return step->parsed() ? run_step(step_options) : run_kernels(kernel_options, *kernels);
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_bench", run, argc, argv);
}
