#pragma once

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

/// --device and --threads, for tools that have no configuration of their own.
struct DeviceOptions {
    std::string name = "auto";
    int threads = 0;
};
void add_device_options(CLI::App& app, DeviceOptions& options);

/// "auto", "cpu" or "sim". Anything else is an Error that says what this version has.
std::unique_ptr<Device> open_device(const DeviceOptions& options);

/// The device, the processor's name, threads and what convolutions run on, for the start-up report.
std::string device_report(const Device& device);

}  // namespace sg::tools
