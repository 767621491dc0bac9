#pragma once

#include "benchmarks/step_benchmark.h"

namespace sg {

/// A model and a batch, and what a training does with them, timed. All return milliseconds; updates
/// are included.
class StepRunner {
  public:
    StepRunner(StarGan& model, TrainingBatch batch, const StepBenchmark& benchmark);

    /// A D step, with its part of the fakes that are made together.
    double d_step();
    /// A turn of D and G, which share the fake.
    double d_and_g();
    /// n_critic turns, of which the last is G's too, queued without waiting for the device.
    double macro_iteration();
    /// Where the time goes, in as many rounds as the benchmark has repeats.
    std::vector<StageTime> stages();

  private:
    double timed(const char* name, const std::function<void()>& work);
    void queue_turn(const TrainingBatch& batch, bool g_turn, const std::function<void()>& after_d);
    double timed_turn(const TrainingBatch& batch, bool g_turn);
    bool makes_fakes_together() const;

    StarGan& model_;
    TrainingBatch batch_;
    const StepBenchmark& benchmark_;
    Device& device_;
    int together_;                ///< batches whose fakes are made together
    std::vector<Tensor> losses_;  ///< of turns whose losses have not been looked at
};

}  // namespace sg
