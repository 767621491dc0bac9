#include <CLI/CLI.hpp>
#include <cmath>

#include "tools/tool.h"
#include "train/parity.h"

namespace {

struct Options {
    std::vector<std::string> files;
    sg::tools::DeviceOptions device{.name = "cpu"};
    std::string precision = "f32";
    std::string step = "fused";
    bool quiet = false;
};

/// Prints every check (misses only if quiet); returns the number of misses.
int report(const std::string& file, const std::vector<sg::ParityCheck>& checks, bool quiet) {
    int misses = 0;
    double worst = 0;
    std::string worst_name;
    for (const auto& check : checks) {
        misses += !check.passed();
        const double share = check.error / check.tolerance;
        if (!std::isnan(worst) && !(share <= worst))  // NaN is worse than any and stays
            worst = share, worst_name = check.name;
        if (!quiet || !check.passed())
            fmt::print("  {:4} {:<44} error {:.3e}  tolerance {:.0e}  ({}{})\n",
                       check.passed() ? "ok" : "MISS", check.name, check.error, check.tolerance,
                       check.measure, check.widened ? "; near a kink" : "");
    }
    fmt::print(
        "{}: {} of {} quantities within tolerance, closest {} at {:.1f} % of its tolerance\n", file,
        checks.size() - misses, checks.size(), worst_name, 100 * worst);
    return misses;
}

int run(int argc, char** argv) {
    Options options;
    CLI::App app{
        "Replays frozen StarGAN training runs (format stargan-parity-1) and compares every "
        "loss, gradient and weight with what must result. Exit code 1 on a miss."};
    app.add_option("files", options.files, "parity files (.safetensors)")->required();
    sg::tools::add_device_options(app, options.device);
    app.add_option("--precision", options.precision, "f32, or f64 on the cpu")
        ->capture_default_str();
    app.add_option("--step", options.step, "fused, or reference: plain differentiation")
        ->capture_default_str();
    app.add_flag("-q,--quiet", options.quiet, "print only misses and the summary");
    if (const auto code = sg::tools::parse(app, argc, argv)) return *code;

    const auto device = sg::tools::open_device(options.device, sg::tools::to_stderr).device;
    const auto precision = sg::precision_from_string(options.precision);
    const auto step = sg::step_kind_from_string(options.step);
    int misses = 0;
    for (const std::string& file : options.files) {
        try {
            misses += report(file, sg::run_parity(file, *device, precision, step), options.quiet);
        } catch (const sg::Error& error) {
            fmt::print(stderr, "sg_parity: error: {}\n", error.what());
            ++misses;
        }
    }
    return misses ? sg::tools::exit_failure : sg::tools::exit_success;
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_parity", run, argc, argv);
}
