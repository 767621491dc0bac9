#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/batch.h"
#include "train/config.h"
#include "train/data/dataset.h"
#include "train/joint_schedule.h"
#include "train/resident.h"

namespace sg {

/// The data sets of a run, each with its split and, once training starts, its batches. Data set k
/// has its own random numbers; those of the first are those of a run on it alone.
class TrainingData {
  public:
    using Say = std::function<void(const std::string& line)>;

    /// Opens everything. `cache` and `stop` as in open_datasets.
    TrainingData(const TrainConfig& config, const std::filesystem::path& cache, const Say& say,
                 const std::atomic<bool>* stop);
    ~TrainingData();

    int sets() const { return int(sets_.size()); }
    const Dataset& dataset(int set) const { return *sets_[set].dataset; }
    const Split& split(int set) const { return sets_[set].split; }
    /// One label group per data set, in the order of the configuration.
    const LabelLayout& layout() const { return layout_; }
    /// Summary of every data set with the sizes of its split.
    std::string report() const;
    /// Names of the held-out items, one a line; with several data sets, each behind its heading.
    std::string held_out_items() const;
    /// held_out_hash of every data set.
    std::vector<std::string> held_out_hashes() const;
    /// Throws Error for data that cannot train (dataset.h).
    void require_trainable(int batch) const;

    /// Uploads the images that the setting `resident` (resident.h) wants on the device. To be
    /// called once the device has taken the memory of the training.
    void make_resident(Device& device, const Say& say);
    /// Starts loading where `iteration` begins.
    void start(Device& device, const JointSchedule& schedule, int64_t iteration);
    /// Brings a step's batch to the device unless it is there, and those whose fakes are made with
    /// it (JointSchedule::together): then returns them all, for their fakes, else nothing. The
    /// steps are those of the schedule, in order.
    std::span<TrainingBatch> fetch(const JointSchedule::Step& step);
    /// That batch; the device's memory is then the caller's.
    TrainingBatch take(const JointSchedule::Step& step);
    /// Names of images that failed to decode since the last call.
    std::vector<std::string> new_skips();

  private:
    struct Feed;
    struct Set {
        std::unique_ptr<Dataset> dataset;
        Split split;
    };
    const TrainConfig& config_;
    std::vector<Set> sets_;
    LabelLayout layout_;
    std::vector<std::unique_ptr<ResidentImages>> resident_;  ///< per data set, or null
    std::vector<std::unique_ptr<Feed>> feeds_;               ///< per data set, once training starts
};

/// The seed of data set `set`: `seed` itself for the first.
uint64_t seed_of_set(uint64_t seed, int set);

}  // namespace sg
