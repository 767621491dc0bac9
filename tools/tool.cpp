#include "tools/tool.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "kernels/common/error.h"
#include "kernels/common/processor.h"

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
/// reads its settings before main, so the program starts itself again with a short spin. Not where
/// threads are to be bound: libgomp has bound this one by now, and all threads of the program that
/// it starts would share its processor.
void restart_with_short_spins(char** argv) {
    for (const char* set :
         {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"})
        if (std::getenv(set)) return;
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
    app.add_option("--device", options.name,
                   "auto, cpu, cuda, cuda:NUMBER, or sim (CUDA kernels, simulated: slow)")
        ->capture_default_str();
    app.add_option("--threads", options.threads, "0: one per processor")->capture_default_str();
    app.add_option("--conv", options.conv,
                   "convolutions on a GPU: auto (the fastest of all), own, or cudnn")
        ->capture_default_str();
}

namespace {

/// The number behind "cuda" or "cuda:"; nothing if `name` is no GPU.
std::optional<int> gpu_number(std::string_view name) {
    if (name == "cuda") return 0;
    constexpr std::string_view prefix = "cuda:";
    if (!name.starts_with(prefix)) return std::nullopt;
    const std::string_view digits = name.substr(prefix.size());
    int number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool whole = error == std::errc() && end == digits.data() + digits.size();
    require(whole && number >= 0, "device", "'{}' names no GPU: expected cuda, cuda:0, cuda:1, ...",
            name);
    return number;
}

}  // namespace

OpenedDevice open_device(const DeviceOptions& options,
                         const std::function<void(const std::string& line)>& say) {
    const auto& [name, threads, conv] = options;
    require(threads >= 0 && threads <= 4096, "threads", "{} is not a number of threads", threads);
    ConvChooser::Options choosing{
        .policy = conv_policy_from_string(conv), .memory = convolution_memory(), .say = say};
    if (name == "cpu") return {Device::cpu(threads), ""};
    if (name == "sim") return {Device::sim({.threads = threads}), ""};
    OpenedDevice opened;
    if (const auto number = gpu_number(name)) {
        opened.device = Device::cuda(*number);
    } else {
        require(name == "auto", "device",
                "'{}' is unknown, expected auto, cpu, cuda, cuda:NUMBER or sim", name);
        opened.reason = Device::cuda_unavailable();
        if (!opened.reason.empty()) return {Device::cpu(threads), opened.reason};
        try {
            opened.device = Device::cuda();
        } catch (const Error& error) {  // there is one, but not for us
            return {Device::cpu(threads), error.fact()};
        }
    }
    opened.device->choose_convolutions(SG_VERSION, std::move(choosing));
    return opened;
}

void to_stderr(const std::string& line) {
    fmt::print(stderr, "{}", line);
}

namespace {

/// `name` in the user's folder for what can be made again; empty if there is none.
std::filesystem::path in_cache(const char* name) {
    const auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::filesystem::path(value ? value : "");
    };
    const auto file = std::filesystem::path("stargan") / name;
    if (const auto cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / file;
    if (const auto home = variable("HOME"); home.is_absolute()) return home / ".cache" / file;
    return {};
}

}  // namespace

std::filesystem::path convolution_memory() {
    return in_cache("convolutions.txt");
}

std::filesystem::path pack_folder() {
    return in_cache("packs");
}

std::string device_report(const Device& device) {
    if (device.name() == "cuda") {
        const DeviceProperties gpu = device.properties();
        const auto [free, total] = device.memory();
        return fmt::format(
            "cuda ({}, compute capability {}.{}, {} processors, {:.1f} of {:.1f} GB "
            "of memory free)",
            gpu.name, gpu.architecture / 10, gpu.architecture % 10, gpu.processors,
            double(free) / 1e9, double(total) / 1e9);
    }
    return fmt::format("{} ({}, {} threads, {})", device.name(), cpu_model_name(), device.threads(),
                       device.is_cpu() ? "convolutions with " + cpu_isa_name()
                                       : "simulating CUDA kernels: for tests, slow");
}

}  // namespace sg::tools
