#include "tools/tool.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "engine/processor.h"
#include "kernels/common/error.h"

namespace sg::tools {

namespace {

template <class... Arguments>
std::optional<int> parse_with(CLI::App& app, Arguments&&... arguments) {
    app.get_formatter()->column_width(34);
    try {
        app.parse(std::forward<Arguments>(arguments)...);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_success : exit_usage;
    }
    return std::nullopt;
}

}  // namespace

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
    return parse_with(app, argc, argv);
}

std::optional<int> parse(CLI::App& app, std::vector<std::string> reversed) {
    return parse_with(app, std::move(reversed));
}

namespace {

/// OpenMP threads that wait for each other spin, by default for a millisecond or so. With other
/// work on the machine (our own loading threads, a compiler) the thread that is waited for may not
/// be running, and spinning keeps it from running: training was seen ten times slower. libgomp
/// reads its settings before main, so the program starts itself again with a short spin.
void restart_with_short_spins(char** argv) {
    if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
    setenv("GOMP_SPINCOUNT", "30000", 1);
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0) return;
    self[length] = '\0';
    execv(self, argv);  // if that fails, the program goes on as it is
}

}  // namespace

int guarded(const char* name, int (*run)(int, char**), int argc, char** argv) {
    restart_with_short_spins(argv);
    try {
        return run(argc, argv);
    } catch (const UsageError& error) {
        fmt::print(stderr, "{}: {}\nRun with --help for more information.\n", name, error.what());
        return exit_usage;
    } catch (const std::exception& error) {
        std::fflush(stdout);
        fmt::print(stderr, "{}: error: {}\n", name, error.what());
        return exit_failure;
    }
}

void add_device_options(CLI::App& app, DeviceOptions& options) {
    app.add_option("--device", options.name, "auto, cpu or sim (CUDA kernels, simulated: slow)")
        ->capture_default_str();
    app.add_option("--threads", options.threads, "0: one per processor")->capture_default_str();
}

std::unique_ptr<Device> open_device(const DeviceOptions& options) {
    const auto& [name, threads] = options;
    require(threads >= 0 && threads <= 4096, "threads", "{} is not a number of threads", threads);
    if (name == "auto" || name == "cpu") return Device::cpu(threads);
    if (name == "sim") return Device::sim({.threads = threads});
    throw Error(
        "device", fmt::format("'{}' is none of this version's devices: auto, cpu, sim", name),
        name == "cuda" ? "it trains on the processor; sim runs the CUDA kernels there" : "");
}

std::string device_report(const Device& device) {
    return fmt::format("{} ({}, {} threads, {})", device.name(), cpu_model_name(), device.threads(),
                       device.is_cpu() ? "convolutions with " + cpu_isa_name()
                                       : "simulating CUDA kernels: for tests, slow");
}

}  // namespace sg::tools
