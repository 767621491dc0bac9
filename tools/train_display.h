#pragma once

#include <chrono>

#include "train/trainer.h"

namespace sg::tools {

/// What a training run looks like: on a terminal a progress bar with rate, time left and losses;
/// otherwise a line per log_step.
class TrainDisplay {
  public:
    TrainDisplay(const TrainConfig& config, bool quiet);
    ~TrainDisplay() { finish(); }

    TrainObserver observer();
    void message(const std::string& text);
    /// Ends the progress line.
    void finish();

  private:
    void metrics(const Metrics& metrics);
    void progress(int64_t iteration, const Metrics& metrics);
    /// Iterations per second and the time left, from the last minute.
    std::string rate(int64_t iteration);

    using Clock = std::chrono::steady_clock;
    int64_t total_;
    bool terminal_, quiet_, line_open_ = false;
    Clock::time_point last_draw_{}, window_start_{};
    int64_t window_iteration_ = -1;
    double per_second_ = 0;
};

}  // namespace sg::tools
