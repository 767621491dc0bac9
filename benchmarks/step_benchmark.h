#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/times.h"
#include "model/fused_step.h"

namespace sg {

/// What `sg_bench step` measures. One synthetic batch, one multi-label group.
struct StepBenchmark {
    int image_size = 64;
    int batch_size = 16;
    int labels = 5;
    int g_conv_dim = 16, d_conv_dim = 16;
    int g_repeat_num = 3, d_repeat_num = 4;
    int n_critic = 5;
    Precision precision = Precision::f32;
    StepKind step = StepKind::fused;
    bool graph = true;         ///< on a GPU, a turn as one CUDA graph
    bool side_stream = false;  ///< on a GPU, weight gradients beside the rest
    bool stages = false;       ///< also where the time goes
    /// Of pairs of steps; the first ones build primitives and take memory.
    Sampling sampling = {.repeats = 10, .attempts = 1};
};

/// What a stage of a step takes: engine/stages.h, and "fakes", a D step's part of those that are
/// made together.
struct StageTime {
    bool of_g;  ///< of G's step, else of D's
    std::string name;
    Times time;
};

struct StepBenchmarkResult {
    Times d_step;  ///< with its part of the fakes that one pass of G makes for several steps
    Times g_step;  ///< what G's step adds to a turn: the fused steps share its first pass
    double iteration_ms = 0;  ///< per D update: the macro-iteration's share, else (n_critic d + g)
                              ///< / n_critic of the medians
    std::optional<Times> macro_iteration = {};  ///< on a GPU: n_critic D steps and a G step, queued
    std::vector<StageTime> stages = {};  ///< measured apart, without a graph or a second stream
    double tensor_peak_mb = 0;           ///< most memory ever in tensors
    double peak_rss_mb = 0;              ///< most memory the process ever had
};

/// Times turns of D and of both, updates included, one after the other, on a freshly initialised
/// model. Random numbers are fixed, so every run does the same work. A GPU is prepared as for
/// training, which say() is told. Throws Error if a loss is not finite.
StepBenchmarkResult run_step_benchmark(
    Device& device, const StepBenchmark& benchmark,
    const std::function<void(const std::string& line)>& say = [](const std::string&) {});

/// Puts it into a report (report.h) as a case, whose names are those of the PyTorch peer, and its
/// measurements.
void add_result(nlohmann::json& report, Device& device, const StepBenchmark& benchmark,
                const StepBenchmarkResult& result);

}  // namespace sg
