#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/stargan.h"
#include "train/metrics.h"

namespace sg {

/// What a checkpoint says about itself, besides the tensors. One .safetensors file: G.* and D.*
/// under the official state-dict names and in PyTorch's layout, Adam's moments as adam.m.G.* and
/// adam.v.G.*, G's average as G_ema.*; everything below as metadata. It describes itself: no flag
/// is needed to use it.
struct CheckpointInfo {
    ModelConfig model;
    int64_t iteration = 0;  ///< iterations completed; also the position in the data
    int64_t g_updates = 0, d_updates = 0;
    uint64_t seed = 0;
    std::string settings = {};               ///< JSON of the training configuration (to_json)
    std::vector<int> crop_sizes = {};        ///< centre crop per label group; 0: none
    std::vector<std::string> held_out = {};  ///< held_out_hash per data set
    double ema = 0;                          ///< decay of G's average; 0: there is none
    /// G's last losses per label group, shown until its next step on that data set.
    std::vector<std::optional<GeneratorMetrics>> last_g = {};
};

/// Writes atomically (see AtomicFile). The bytes depend on the model and `info` alone.
void save_checkpoint(const std::filesystem::path& path, const StarGan& model,
                     const CheckpointInfo& info);

/// Metadata only. Throws Error if the file is no checkpoint of this format or is damaged.
CheckpointInfo read_checkpoint_info(const std::filesystem::path& path);

/// Reads all of it. Throws Error if it is no checkpoint of this format or does not match its
/// checksum.
void require_undamaged_checkpoint(const std::filesystem::path& path);

/// Fills a model built from the checkpoint's own configuration. Verifies the data's hash. A model
/// with an average takes the file's, or starts it at the loaded G if the file has none; a model
/// without leaves the file's out.
enum class LoadMoments { no, yes };
void load_checkpoint(const std::filesystem::path& path, StarGan& model, LoadMoments moments);

/// Throws Error saying what differs between a checkpoint's model and the one that is wanted.
void require_same_model(const std::filesystem::path& path, const ModelConfig& in_file,
                        const ModelConfig& wanted);

/// RUN/checkpoints/iteration-00001000.safetensors
std::filesystem::path checkpoint_path(const std::filesystem::path& run, int64_t iteration);
struct DamagedCheckpoint {
    std::filesystem::path path;
    std::string reason;
};
/// The latest readable checkpoint of a run folder; damaged newer ones are skipped and listed in
/// `damaged`. Empty if there is none.
std::optional<std::filesystem::path> latest_checkpoint(
    const std::filesystem::path& run, std::vector<DamagedCheckpoint>* damaged = nullptr);
/// Whether a folder holds a run per pair of classes (pairwise.h).
bool is_pairwise_run(const std::filesystem::path& run);
/// Whether a folder has checkpoints, readable or not, metrics or pairs: a new run must not start
/// there.
bool holds_a_run(const std::filesystem::path& run);
/// Throws Error if it does.
void require_no_run(const std::filesystem::path& run);
/// A checkpoint file as it is, a run folder's latest. Throws Error if there is none.
std::filesystem::path resolve_checkpoint(const std::filesystem::path& file_or_run);
/// Removes all but the `keep` latest checkpoints.
void prune_checkpoints(const std::filesystem::path& run, int keep);

}  // namespace sg
