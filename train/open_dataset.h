#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>

#include "train/config.h"
#include "train/data/file_dataset.h"

namespace sg {

struct OpenOptions {
    ImageSize size = {0, 0};                 ///< of the images in packs; 0: a pack's own
    std::filesystem::path pack_folder = {};  ///< where packs are built and reused; empty: no packs
    int synth_count = 20000;                 ///< built-in faces
    uint64_t seed = 1;                       ///< of built-in faces and of splits by person
    int threads = 0;                         ///< for scanning and packing, 0 = one per core
    bool verify_all = false;                 ///< decode every file now, however many there are
    /// Told what takes long and what the user should know, one line each; may be empty.
    std::function<void(const std::string& line)> say = {};
    const std::atomic<bool>* stop = nullptr;  ///< set: packing ends with Stopped (pack_writer.h)
};

/// Opens what a complete source (data_sources) names. Throws Error.
std::unique_ptr<Dataset> open_dataset(const DataSource& source, const OpenOptions& options);

/// All data sets of a configuration. `cache` is where packs = "auto" puts them; empty: nowhere.
std::vector<std::unique_ptr<Dataset>> open_datasets(
    const TrainConfig& config, const std::filesystem::path& cache,
    const std::function<void(const std::string& line)>& say,
    const std::atomic<bool>* stop = nullptr);

}  // namespace sg
