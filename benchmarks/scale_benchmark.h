#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "benchmarks/step_benchmark.h"

namespace sg {

/// How the cost of a training step grows along one axis, all else as in `base`.
struct ScaleSweep {
    std::string axis;         ///< one of scale_axes()
    std::vector<int> values;  ///< ascending
};

/// image (pixels per side), batch, channels (of G's and D's first layer), labels, threads (cpu).
std::vector<std::string> scale_axes();
/// Values for a base, doubling, around what it has. Throws Error for an unknown axis.
ScaleSweep default_sweep(const std::string& axis, const StepBenchmark& base,
                         const std::string& device, int threads);

struct ScalePoint {
    int x = 0;
    StepBenchmarkResult measured;
    double flops = 0;  ///< of an iteration's convolutions, by the model
};

/// times ~ x^exponent, least squares of the logarithms.
struct ScaleResult {
    ScaleSweep sweep;
    std::vector<ScalePoint> points = {};
    double exponent = 0;        ///< of the measured iterations
    double model_exponent = 0;  ///< of their FLOPs; of threads, -1
    /// Where the exponent from one point to the next is further than 0.3 from the model's.
    std::vector<std::string> departures = {};
};

/// FLOPs of the convolutions of an iteration (a D step and 1 / n_critic of a G step) of the fused
/// step: per layer 2 N P Q K R S C for each pass that docs/fast_step.md counts.
double iteration_flops(const StepBenchmark& benchmark);

/// x^exponent through points, by least squares of the logarithms. Throws Error for fewer than two.
double fitted_exponent(const std::vector<double>& x, const std::vector<double>& y);

/// Measures a sweep on devices that open() makes, with so many threads (0: all).
ScaleResult run_sweep(const ScaleSweep& sweep, const StepBenchmark& base,
                      const std::function<std::unique_ptr<Device>(int threads)>& open,
                      const std::function<void(const ScalePoint&)>& done);

/// Puts it into a report (report.h), as a case and measurements.
void add_result(nlohmann::json& report, const ScaleResult& result, Precision precision);

}  // namespace sg
