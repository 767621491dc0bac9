#pragma once

#include "benchmarks/roofs.h"

namespace sg {

/// Prints what was measured: counts and a model's times for the simulated device, else times, and
/// how near they are to the roofs.
void print_report(const KernelBenchmark& benchmark, const std::vector<KernelResult>& results,
                  const Roofs& roofs);

/// The first table of it alone.
void print_table(const KernelBenchmark& benchmark, const std::vector<KernelResult>& results,
                 const Roofs& roofs);

/// Prints all kernels with their versions on a device.
void print_kernel_list(const std::string& device);

}  // namespace sg
