#pragma once

#include "engine/device_log.h"
#include "engine/finite_guard.h"
#include "model/reference_step.h"
#include "train/metrics.h"

namespace sg {

/// What the host learns of the training steps. Losses, and what the accuracies are made of, wait on
/// the device for the next read(), and so does the news of a loss or gradient that is not finite.
class StepLog {
  public:
    /// Room for `rows` D steps (each perhaps with a G step) between two readings, with `batch`
    /// images.
    StepLog(const StarGan& model, int64_t batch, int64_t rows);

    /// Opens a row: a D step on the data set of `group` and what follows on the same batch. The
    /// iteration and the learning rates are known.
    void begin(int64_t iteration, int group, double g_lr, double d_lr);
    /// Checks and records a step of that row; D's comes first. To be called before update().
    void add(const DiscriminatorStep& step, const TrainingBatch& batch);
    void add(const GeneratorStep& step, const TrainingBatch& batch);
    /// What update() must heed: not 0, on the device, once a check has failed.
    const int32_t* halted() const { return guard_.halted(); }
    bool full() const { return int64_t(rows_.size()) == log_.rows(); }

    struct Reading {
        std::vector<Metrics> metrics;  ///< per row; g is there where G had a step
        std::string failure;           ///< "iteration 7: D/loss_gp is nan"; "" if all is well
    };
    /// All rows since the last reading, up to one that failed. Waits for the device.
    Reading read();

  private:
    void record(int64_t column, std::span<const Tensor> values);
    void fill(Metrics& metrics, std::span<const double> values) const;
    std::string describe(bool of_g, int tensor, std::span<const double> values) const;

    const StarGan& model_;
    int64_t logits_, labels_;  // values per batch
    FiniteGuard guard_;
    DeviceLog log_;
    std::vector<Metrics> rows_;  ///< not yet read: what is to be measured is still 0
    int64_t passed_ = 0;         // checks before those of rows_
};

}  // namespace sg
