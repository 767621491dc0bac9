#pragma once

#include <CLI/CLI.hpp>

#include "benchmarks/step_benchmark.h"

namespace sg::tools {

/// The network, the precision and how often to measure, for what times training steps.
void add_step_options(CLI::App& app, StepBenchmark& benchmark, std::string& precision,
                      std::string& step);

}  // namespace sg::tools
