#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/device.h"
#include "model/fused_step.h"
#include "model/losses.h"

namespace sg {

/// What stays free on a device besides what is planned: libraries load kernels when they are first
/// used.
inline constexpr size_t reserve_bytes = size_t{256} << 20;
/// "1.25 GB"
std::string gigabytes(size_t bytes);

/// What decides how much memory a training run takes.
struct PlannedRun {
    ModelConfig model;
    Precision precision = Precision::f32;
    int batch = 16;
    int samples = 0;  ///< faces of the sample grid (of all data sets), which stay on the device
    double ema = 0;   ///< decay of the average of G; 0: none
    LossConfig loss = {};
    StepKind step = StepKind::fused;
    bool side_stream = false;
    int64_t log_rows = 10;  ///< D steps whose losses wait on the device
    int n_critic = 5;       ///< D steps per G step
    int sets = 1;           ///< data sets
};

struct TrainingPlan {
    size_t peak_bytes = 0;    ///< of tensors in use at once
    size_t block_bytes = 0;   ///< of one block of memory in which an arena can place them
    size_t model_bytes = 0;   ///< of these, parameters, Adam's moments, G's average
    size_t d_step_bytes = 0;  ///< most in use beside the model while D learns alone
    std::vector<ConvCall> convolutions = {};
};

/// What a run will take on a GPU of these properties, with our own convolutions; found by running
/// an iteration (D step, G step, both updates) on a device that only plans.
TrainingPlan plan_training(const DeviceProperties& properties, const PlannedRun& run);
/// The same on `device` (sim or cuda), with the workspaces of its chosen convolutions.
TrainingPlan plan_training(Device& device, const PlannedRun& run);

/// Throws Error if a plan does not fit what is free on the device, with the numbers and what would
/// fit. `available` is the device's memory at start, before its arena took any.
void require_memory(const TrainingPlan& plan, const PlannedRun& run,
                    const DeviceProperties& properties, const Device::Memory& available);

/// Makes a device with memory of its own ready for a run: chooses its convolutions (saying how far
/// it is), checks that the run fits, takes the memory in one block, and says how much that is. With
/// devices in the host's memory there is nothing to do. Throws Error if the device cannot run it.
void prepare_device(Device& device, const PlannedRun& run,
                    const std::function<void(const std::string& line)>& say);

/// A batch below run.batch whose plan takes at most `bytes`, as large as can be told quickly; 0 if
/// even one image does not fit.
int fitting_batch(const DeviceProperties& properties, PlannedRun run, size_t bytes);

}  // namespace sg
