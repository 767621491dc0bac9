#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "model/fused_step.h"
#include "train/checkpoint.h"
#include "train/config.h"
#include "train/samples.h"
#include "train/training_data.h"

namespace sg {

// What the trainer writes and says around the training itself.

/// Throws Error if a new run would write over another one, or if the run to resume is pairwise.
void require_usable_folder(const std::filesystem::path& run, bool resume);

/// Creates the folder and writes config.toml, data.txt (summary and held-out items) and
/// samples/columns.txt; removes what a killed save left behind.
void prepare_run_folder(const std::filesystem::path& run, const TrainConfig& config,
                        const TrainingData& data);

/// Held-out faces of every data set, for sample grids. Those that do not decode are passed to
/// `say`.
SampleGrid make_sample_grid(Device& device, const TrainingData& data, ImageSize size, int count,
                            const std::function<void(const std::string&)>& say);

/// The first `count` of `items` that decode; the others are passed to `say`.
std::vector<int64_t> decodable_items(const Dataset& data, const std::vector<int64_t>& items,
                                     ImageSize size, int count,
                                     const std::function<void(const std::string&)>& say);

/// Loads the latest readable checkpoint of a run into the model, and puts damaged ones out of the
/// way of those to come. Throws Error if there is none, or if other images are held out than when
/// it was written: some of them may have trained.
struct Resumed {
    std::filesystem::path checkpoint;
    CheckpointInfo info;
};
Resumed resume_run(const std::filesystem::path& run, const TrainConfig& config,
                   const TrainingData& data, StarGan& model,
                   const std::function<void(const std::string&)>& say);

/// How long training will take, by turns of D alone and of both that are not applied. The first
/// turns, which build all convolution primitives, do not count.
double seconds_per_iteration(const StarGan& model, const LossConfig& loss,
                             const TrainingBatch& batch, StepKind kind, int n_critic);

/// Measures how near the true pictures translations of held-out built-in faces come, and writes
/// truth.txt. Empty if no data set is built in or nothing is held out.
std::vector<TruthError> write_truth(const std::filesystem::path& run, Device& device,
                                    const Generator& G, const TrainingData& data, ImageSize size);

/// What a checkpoint of the run says about itself after `iteration`.
CheckpointInfo checkpoint_info(const TrainConfig& config, const TrainingData& data,
                               const StarGan& model, int64_t iteration,
                               const std::vector<std::optional<GeneratorMetrics>>& last_g);

/// "parameters: G 8.43 M, D 44.76 M".
std::string parameter_report(const StarGan& model);
/// "12.5 ms an iteration, about 1 h 02 min for 300000 iterations; tensors take 85 MiB".
std::string time_report(double seconds, int64_t iterations, size_t tensor_bytes);

}  // namespace sg
