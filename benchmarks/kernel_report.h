#pragma once

#include "benchmarks/kernel_benchmark.h"

namespace sg {

/// Prints what was measured: counts and a model's times for the simulated device, else times.
void print_report(const KernelBenchmark& benchmark, const std::vector<KernelResult>& results);

/// Prints all kernels with their versions on a device.
void print_kernel_list(const std::string& device);

}  // namespace sg
