#pragma once

#include <functional>
#include <vector>

#include "kernels/common/device_properties.h"
#include "kernels/conv/conv_call.h"

namespace sg {

/// What takes the place of a context on a device that only plans: nothing runs on it.
struct PlanningContext {
    DeviceProperties properties;
    /// Floats of workspace for a call, as on the device that is planned for.
    std::function<int64_t(const ConvCall&)> workspace;
    std::vector<ConvCall> calls;  ///< each convolution once, in the order of the first call
};

}  // namespace sg
