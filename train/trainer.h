#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "train/checkpoint.h"
#include "train/config.h"
#include "train/data/loader.h"
#include "train/samples.h"

namespace sg {

/// What a run tells its user; a tool prints it. All callbacks may be empty.
struct TrainObserver {
    std::function<void(const std::string& line)> message;  ///< a fact worth a line
    std::function<void(const Metrics&)> metrics;           ///< every log_step iterations
    std::function<void(int64_t iteration, const Metrics& last)> progress;  ///< every iteration
};

struct TrainRequest {
    TrainConfig config;
    std::filesystem::path run;  ///< run folder; created if it does not exist
    bool resume = false;        ///< go on from the folder's latest checkpoint
    int64_t stop_after = 0;     ///< iterations of this call; 0: to the end
    const std::atomic<bool>* stop =
        nullptr;  ///< set (by a signal): finish the iteration, save, return
};

struct TrainResult {
    int64_t iteration = 0;              ///< completed
    bool finished = false;              ///< all of num_iters
    std::filesystem::path checkpoint;   ///< the last one written
    std::filesystem::path sample_grid;  ///< the last one written
    std::vector<TruthError> truth;      ///< built-in faces only, when finished
};

/// Trains. The run folder receives config.toml, data.txt (summary and held-out items),
/// metrics.jsonl, samples/, checkpoints/. Throws Error; a non-finite loss or gradient stops with
/// iteration, tensor and the last good checkpoint.
TrainResult train(Device& device, const TrainRequest& request, const TrainObserver& observer);

}  // namespace sg
