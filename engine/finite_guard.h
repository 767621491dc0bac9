#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/tensor.h"

namespace sg {

struct FiniteReport;

/// Watches for NaN and infinity without the host. A check leaves what it finds in the device's
/// memory, and an update that is given halted() changes nothing from then on. So the host may ask
/// late and still finds the parameters as they were before the step that failed.
class FiniteGuard {
  public:
    explicit FiniteGuard(Device& device);

    /// Queues a look at the tensors. The first finding stays: later checks do not change it.
    void check(std::span<const Tensor> tensors);
    /// In the device's memory: not 0 as soon as a check has found something.
    const int32_t* halted() const;

    struct Finding {
        int64_t check;  ///< the number of the check; the first is 0
        int tensor;     ///< the first of its tensors that is not finite
    };
    /// What the checks so far have found. Waits for the device.
    std::optional<Finding> read() const;

  private:
    FiniteReport* report() const;

    DeviceBytes memory_;
};

}  // namespace sg
