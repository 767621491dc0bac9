#pragma once

#include <filesystem>
#include <functional>

#include "train/checkpoint.h"
#include "train/data/dataset.h"
#include "train/eval/classifier_training.h"

namespace sg {

/// A data set of an evaluation: one per label group of the checkpoint, in that order.
struct EvalSet {
    std::unique_ptr<Dataset> dataset;
    Split split;
    std::vector<int64_t> items;  ///< held-out images to translate
    std::string pixels = {};     ///< what the pixels depend on besides the files
    /// Empty if these images are what the training held out, else what is known about that.
    std::string doubt = {};
};

using Say = std::function<void(const std::string& line)>;

/// Opens the data that a checkpoint was trained on, or `data` in its place, and takes the first
/// `count` held-out images of each (0: all). Throws Error if the labels are not the checkpoint's,
/// naming both, or if nothing is held out. `cache`: train/open_dataset.h.
std::vector<EvalSet> open_eval_data(const CheckpointInfo& info,
                                    const std::vector<std::string>& data, int64_t count,
                                    const std::filesystem::path& cache, const Say& say);

/// 16 hexadecimal digits that change with whatever a classifier's training depends on: names and
/// labels of the images, split, image size, options. Not with the files' contents.
std::string classifier_fingerprint(const EvalSet& set, ImageSize size,
                                   const ClassifierOptions& options);

/// FOLDER/classifier-GROUP.safetensors, with what file names do not take replaced.
std::filesystem::path classifier_path(const std::filesystem::path& folder,
                                      const std::string& group);

/// The classifier of a data set: read from `file` if it has this fingerprint, else trained and kept
/// there. A file that cannot be read or written is told to `say` and does no other harm.
TrainedClassifier obtain_classifier(Device& device, const EvalSet& set, ImageSize size,
                                    const ClassifierOptions& options,
                                    const std::filesystem::path& file,
                                    const std::function<void(int done, int total)>& progress,
                                    const Say& say);

}  // namespace sg
