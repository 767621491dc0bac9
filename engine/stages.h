#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/device.h"

// Where the time of a training step goes. A schedule says which stage it is at; who measures it
// listens. Nobody does in training: then saying so costs a comparison.

namespace sg {

/// What is queued on `device` from now on belongs to the stage `name` (a literal).
void at_stage(Device& device, const char* name);

/// Listens to one device from its construction to stop(), or to its end. One at a time. A GPU's
/// work must not be recorded as a graph meanwhile.
class StageTimer {
  public:
    explicit StageTimer(Device& device);
    ~StageTimer();
    StageTimer(const StageTimer&) = delete;
    StageTimer& operator=(const StageTimer&) = delete;

    /// Milliseconds per stage, in the order in which they first came; waits for the device. What
    /// comes before any stage was named belongs to "other".
    std::vector<std::pair<std::string, double>> stop();

  private:
    friend void at_stage(Device& device, const char* name);
    class Clock;
    void enter(const char* name);

    Device& device_;
    std::unique_ptr<Clock> clock_;
    std::vector<const char*> names_;  ///< of the stages entered, in order
};

}  // namespace sg
