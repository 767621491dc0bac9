#pragma once

#include <memory>
#include <optional>
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
inline constexpr int exit_usage = 2;    ///< the command line makes no sense

/// Parses argv; a value means "stop with this exit code" (help was printed, or the usage error).
std::optional<int> parse(CLI::App& app, int argc, char** argv);
/// The same for arguments in reverse order, without the program's name.
std::optional<int> parse(CLI::App& app, std::vector<std::string> reversed);

/// Runs a tool: prints "NAME: error: ..." for an exception and turns it into an exit code.
int guarded(const char* name, int (*run)(int, char**), int argc, char** argv);

/// "auto" or "cpu". Anything else is an Error that says what this build has.
std::unique_ptr<Device> open_device(const std::string& name, int threads);

/// Why --device auto took the device it took, for the start-up report.
std::string device_report(const Device& device);

}  // namespace sg::tools
