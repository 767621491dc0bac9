#pragma once

#include <memory>

#include "train/config.h"
#include "train/data/dataset.h"

namespace sg {

/// Opens the data set that a configuration names.
std::unique_ptr<Dataset> open_dataset(const TrainConfig& config);

/// Finds out what lies at `path` (an attribute file beside images: celeba; else class folders) and
/// opens it, decoding every image. For `sg_data validate`.
struct DetectOptions {
    std::string path, attr_path;
    std::vector<std::string> attributes;  ///< celeba; empty: all
    int crop = 178;
};
std::unique_ptr<Dataset> detect_dataset(const DetectOptions& options);

}  // namespace sg
