#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/device.h"

namespace CLI {
class App;
}

namespace sg::tools {

// Exit codes of every tool.
inline constexpr int exit_success = 0;
inline constexpr int exit_failure = 1;  ///< the work was done and its answer is no, or it failed
inline constexpr int exit_usage = 2;    ///< the command line does not parse

/// Parses argv; a value means "stop with this exit code" (help was printed, or the usage error).
std::optional<int> parse(CLI::App& app, int argc, char** argv);
/// The same for arguments in reverse order, without the program's name.
std::optional<int> parse(CLI::App& app, std::vector<std::string> reversed);

/// A command line that makes no sense although it parses: exit_usage.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Runs a tool: prints "NAME: error: ..." for an exception and turns it into an exit code.
int guarded(const char* name, int (*run)(int, char**), int argc, char** argv);

/// --device, --threads and --conv, for tools that have no configuration of their own.
struct DeviceOptions {
    std::string name = "auto";
    int threads = 0;
    std::string conv = "auto";
};
void add_device_options(CLI::App& app, DeviceOptions& options);

struct OpenedDevice {
    std::unique_ptr<Device> device;
    std::string reason;  ///< why `auto` did not take a GPU; empty if it did, or was not asked
};
/// "auto" (a GPU if one can be used), "cpu", "sim", "cuda" or "cuda:1" (the second GPU). Throws
/// Error for what this machine or build does not have. On a GPU, convolutions are chosen as
/// options.conv says, remembered in convolution_memory(); say() is told what the user should know.
OpenedDevice open_device(const DeviceOptions& options,
                         const std::function<void(const std::string& line)>& say = {});

/// For open_device's say().
void to_stderr(const std::string& line);

/// Where choices of convolutions are kept: $XDG_CACHE_HOME or ~/.cache, stargan/convolutions.txt;
/// empty if neither is known.
std::filesystem::path convolution_memory();

/// Where packs = "auto" keeps decoded images: likewise, stargan/packs.
std::filesystem::path pack_folder();

/// The device, its name, and what convolutions run on, for the start-up report.
std::string device_report(const Device& device);

}  // namespace sg::tools
