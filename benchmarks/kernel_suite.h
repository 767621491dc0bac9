#pragma once

#include <string>
#include <vector>

#include "benchmarks/roofs.h"

namespace sg {

/// Which cases `sg_bench kernels --suite` runs, and how.
struct KernelSuite {
    std::string name = "paper";  ///< one of kernel_suites()
    std::string device = "cuda";
    std::vector<std::string> precisions = {"f32", "bf16"};
    std::string filter;   ///< regular expression: only cases in whose case_name it is found
    bool ladder = false;  ///< all versions; else those that the engine uses
    int threads = 0;
    Sampling sampling = {};
    bool warm = true;
    int copies = 0;      ///< as in KernelBenchmark
    double seconds = 0;  ///< start no case after so long; 0: all
};

/// paper: 128x128, batch 16, 64 channels. joint: 256x256, batch 8, the same. demo: 64x64, batch 16,
/// 16 channels. tiny: 32x32, batch 1, 8 channels: to try the benchmark itself.
std::vector<std::string> kernel_suites();

/// Every family on the shapes that it has in these networks. Throws Error for an unknown suite.
std::vector<KernelBenchmark> suite_cases(const KernelSuite& suite);

/// About how many seconds the cases take, by the roofs' rates: our kernels do not reach them, but
/// are near enough for a first word.
double estimated_seconds(const std::vector<KernelBenchmark>& cases, const Roofs& roofs);

/// Runs one case of a suite. An error, also that none of our versions can run, becomes the
/// result's.
struct SuiteResult {
    KernelBenchmark benchmark;
    std::vector<KernelResult> results;
    std::string error;
};
SuiteResult run_suite_case(const KernelBenchmark& benchmark);
nlohmann::json to_json(const SuiteResult& result, const Roofs& roofs);

}  // namespace sg
