#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "benchmarks/kernel_benchmark.h"

namespace sg {

/// Which cases `sg_bench kernels --suite` runs, and how.
struct KernelSuite {
    std::string name = "paper";  ///< one of kernel_suites()
    std::string device = "cuda";
    std::vector<std::string> precisions = {"f32", "bf16"};
    bool ladder = false;  ///< all versions; else those that the engine uses
    int threads = 0;
    int repeats = 20;
    double seconds = 0;  ///< start no case after so long; 0: all
};

/// paper: 128x128, batch 16, 64 channels. joint: 256x256, batch 8, the same. demo: 64x64, batch 16,
/// 16 channels. tiny: 32x32, batch 1, 8 channels: to try the benchmark itself.
std::vector<std::string> kernel_suites();

/// Every family on the shapes that it has in these networks. Throws Error for an unknown suite.
std::vector<KernelBenchmark> suite_cases(const KernelSuite& suite);

/// One case's measurements, as sg_bench and its reports write them: kernel, shape, precision, work,
/// and a row per version or library with all its figures, or why it was not run.
nlohmann::json to_json(const KernelBenchmark& benchmark, const std::vector<KernelResult>& results);

/// Runs the cases. done() is told each one's result, or its error as {"kernel", ..., "error"}.
/// Returns how many were not started for lack of time.
int run_suite(const KernelSuite& suite, const std::function<void(const nlohmann::json&)>& done);

}  // namespace sg
