#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "train/eval/report.h"

namespace sg {

struct EvalRequest {
    std::filesystem::path checkpoint;  ///< file or run folder
    /// In place of the data that the checkpoint was trained on: one per label group, in its order.
    std::vector<std::string> data = {};
    int64_t count = 1000;  ///< held-out images per data set, the first ones; 0: all
    ClassifierOptions classifier = {};
    std::filesystem::path json = {}, html = {};  ///< where the report goes; empty: nowhere
    std::filesystem::path cache = {};            ///< of packs (train/open_dataset.h)
};

/// Told what happens; either may be empty.
struct EvalObserver {
    std::function<void(const std::string& line)> message = {};
    std::function<void(const std::string& stage, int64_t done, int64_t total)> progress = {};
};

/// Measures a checkpoint on held-out images (docs/evaluation.md) and writes the report. Classifiers
/// are kept in the run's folder (beside the checkpoint if it is in none) and trained only if they
/// are not there yet. Throws Error before the long work if the checkpoint or the data cannot be
/// read, the labels differ, nothing is held out, or an output cannot be written.
EvalReport evaluate(Device& device, const EvalRequest& request, const EvalObserver& observer = {});

}  // namespace sg
