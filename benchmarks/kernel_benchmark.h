#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarks/times.h"
#include "kernels/common/ladder.h"
#include "kernels/conv/conv.h"
#include "kernels/instance_norm/instance_norm.h"
#include "kernels/sim/sim_context.h"

namespace sg {

/// What `sg_bench kernels` runs: one kernel, one or all versions of its ladder, on one device.
struct KernelBenchmark {
    std::string kernel = "instance_norm_forward";  ///< one of benchmark_kernels()
    int version = 0;                               ///< 0: all
    int first_version = 1;                         ///< of all: leaves out those below
    std::string device = "sim";                    ///< cpu, sim or cuda
    ConvShape conv;                                ///< of conv_*; of other kernels only x's extents
    InstanceNormShape norm;  ///< the same extents as instance norm counts them
    bool bf16 = false;
    ConvMath math = ConvMath::strict;              ///< of conv_* in f32 on devices
    int threads = 0;                               ///< cpu and sim; 0: all
    int architecture = SimOptions{}.architecture;  ///< sim: which GPU's limits
    int processors = SimOptions{}.processors;      ///< sim: for how many plans are made
    Sampling sampling = {};
    bool warm = true;   ///< on cpu and cuda: also with operands that the caches hold
    int copies = 1;     ///< of the operands, in turns; 0: so many that the caches hold none
    std::string layer;  ///< of conv_*: what the networks call the shape; or empty
};

/// What every version of a kernel has to do at least.
struct KernelWork {
    int64_t bytes = 0;  ///< each operand read or written once
    double flops = 0;
    bool tensor_cores = false;  ///< whether a GPU's could do it
};

/// One version's or library's result: counts on the simulated device, times on the others.
struct KernelResult {
    int version = 0;  ///< 0: not ours, for comparison
    std::string name, idea;
    std::string skipped;        ///< why it could not run; empty if it did
    double error = 0;           ///< largest, in units of the largest value of the textbook result
    bool tensor_cores = false;  ///< whether it multiplies on them
    std::vector<LaunchCounts> launches;
    Times time;  ///< milliseconds, with operands that no cache holds (if there are copies enough)
    std::optional<Times> warm_time;  ///< with operands that were in use just before
    int attempts = 1;                ///< at measuring (times.h)
    int copies = 1;                  ///< of the operands, in turns

    bool reference() const { return version == 0; }
};

/// The kernels that can be named, and a kernel's versions on a device.
std::vector<std::string> benchmark_kernels();
std::vector<LadderVersion> benchmark_versions(const std::string& kernel, const std::string& device);
/// Extents of x as NxHxWxC.
std::string default_shape(const std::string& kernel, const std::string& device);
bool is_conv_kernel(const std::string& kernel);
/// Whether a kernel runs in f32, tf32 or bf16 on a device.
bool has_precision(const std::string& kernel, const std::string& device,
                   const std::string& precision);

KernelWork kernel_work(const KernelBenchmark& benchmark);

/// Runs the versions, and if all versions are asked for what there is for the same work: oneDNN's
/// or NVIDIA's kernels, or a composition of a framework's ops. Each one's result is compared with
/// the textbook loop in f64 first; then they take turns. Throws Error for an unknown kernel,
/// version or device, and if a version's result is wrong.
std::vector<KernelResult> run_kernel_benchmark(const KernelBenchmark& benchmark);

/// f32, tf32 or bf16; the other way round, throws Error for another name.
const char* precision_name(const KernelBenchmark& benchmark);
void set_precision(KernelBenchmark& benchmark, const std::string& name);
/// What it works on: a convolution's or an image's extents.
std::string shape_name(const KernelBenchmark& benchmark);
/// Kernel, layer, shape and precision.
std::string case_name(const KernelBenchmark& benchmark);

}  // namespace sg
