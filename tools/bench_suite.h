#pragma once

#include <string>

#include "benchmarks/kernel_suite.h"

namespace sg::tools {

/// What measurements on a device are compared with. `ceilings`: measure, off, or a file that
/// sg_bench ceilings --json wrote; they are put into the report. Simulated counts need none.
Roofs find_roofs(const std::string& ceilings, const std::string& device, int threads,
                 nlohmann::json& report);

/// Runs a suite's cases, printing each, and writes the report to `json` (if not empty) after every
/// one: a run that is stopped leaves what it has measured. Returns the exit code.
int run_suite(const KernelSuite& suite, const std::string& ceilings, const std::string& json,
              const std::string& arguments);

}  // namespace sg::tools
