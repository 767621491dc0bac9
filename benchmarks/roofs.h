#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/ceilings.h"
#include "benchmarks/kernel_benchmark.h"

namespace sg {

/// The least time that a kernel could take, by two measures (Williams et al. 2009, "Roofline"): the
/// longer of its bytes at the memory's rate and its FLOPs at the arithmetic's.
struct Roofs {
    std::vector<Ceiling> ceilings = {};  ///< as measured on the device; may be empty
    std::string device_name = {};        ///< for what its data sheet says

    /// At the measured rates: copies, and matrix products of the benchmark's precision. Nothing if
    /// these were not measured.
    std::optional<double> ceiling_ms(const KernelBenchmark& benchmark) const;
    /// At the data sheet's, which is known for an H200.
    std::optional<double> floor_ms(const KernelBenchmark& benchmark) const;
};

/// An H200 at its full rates: what simulated counts are divided by, too. Its data sheet's
/// arithmetic as far as clocks allow it, its memory as copies measure it (docs/gpu.md).
namespace h200 {
inline constexpr double tensor_flops = 790e12, flops = 67e12, bytes = 4.3e12;
inline constexpr double wavefronts =
    132 * 1.755e9;  // of shared memory: one per processor and cycle
}  // namespace h200
double h200_floor_ms(const KernelWork& work);

/// What is compared with: the fastest result that is not ours. Null if there is none.
const KernelResult* reference_of(const std::vector<KernelResult>& results);

/// One case as sg_bench's reports have it: kernel, layer, shape, precision, work, and a row per
/// version or library with all its figures, or why it was not run.
nlohmann::json to_json(const KernelBenchmark& benchmark, const std::vector<KernelResult>& results,
                       const Roofs& roofs);
/// Its samples, into the report.
void add_measurements(nlohmann::json& report, const KernelBenchmark& benchmark,
                      const std::vector<KernelResult>& results);

}  // namespace sg
