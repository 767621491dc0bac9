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
    /// Whenever the host has read what the device did: every iteration, unless the device runs
    /// ahead.
    std::function<void(int64_t iteration, const Metrics& last)> progress;
};

struct TrainRequest {
    TrainConfig config;
    std::filesystem::path run;         ///< run folder; created if it does not exist
    std::filesystem::path cache = {};  ///< folder of packs = "auto"; empty: no packs
    bool resume = false;               ///< go on from the folder's latest checkpoint
    int64_t stop_after = 0;            ///< iterations of this call; 0: to the end
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
/// iteration, tensor and the last good checkpoint; the failing update reaches no weight.
TrainResult train(Device& device, const TrainRequest& request, const TrainObserver& observer);

/// The same, reading losses back from the device only every `read_every` iterations (and before
/// anything is saved), so that the host can run ahead of it. Without: 1, or log_step if the device
/// runs ahead. What is written does not depend on it.
TrainResult train(Device& device, const TrainRequest& request, const TrainObserver& observer,
                  int64_t read_every);

}  // namespace sg
