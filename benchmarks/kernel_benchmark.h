#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarks/step_benchmark.h"
#include "kernels/instance_norm/instance_norm.h"
#include "kernels/sim/sim_context.h"

namespace sg {

/// What `sg_bench kernels` runs: one kernel, one or all versions of its ladder, on one device.
struct KernelBenchmark {
    std::string kernel = "instance_norm_forward";  ///< or instance_norm_backward
    int version = 0;                               ///< 0: all
    std::string device = "sim";                    ///< cpu, sim or cuda
    InstanceNormShape shape;
    bool bf16 = false;
    int threads = 0;        ///< cpu and sim; 0: all
    int architecture = 90;  ///< sim: which GPU's limits
    int warmup = 3, repeats = 20;
};

/// One version's result: counts on the simulated device, times on the others.
struct KernelResult {
    int version = 0;
    std::string name, idea;
    std::string skipped;  ///< why it could not run; empty if it did
    double error = 0;     ///< largest, in units of the largest value of the textbook result
    std::vector<LaunchCounts> launches;
    StepTime time;  ///< milliseconds
};

/// The kernels that can be named; the names, ideas and numbers of a kernel's versions on a device.
std::vector<std::string> benchmark_kernels();

/// Runs the versions, after comparing each one's result with the textbook loop in f64. Throws Error
/// for an unknown kernel, version or device, and if a result is wrong: it is not measured then.
std::vector<KernelResult> run_kernel_benchmark(const KernelBenchmark& benchmark);

/// Bytes that any version must move: each operand read or written once.
int64_t least_bytes(const KernelBenchmark& benchmark);

}  // namespace sg
