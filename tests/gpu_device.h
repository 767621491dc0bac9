#pragma once

#include "engine/device.h"
#include "tests/devices.h"

namespace sg::testing {

/// A GPU as a device of the engine, its convolutions by whom `policy` says. Null if there is none,
/// which is said, and a failure if one is required.
inline std::unique_ptr<Device> gpu_device(ConvPolicy policy) {
    const std::string reason = Device::cuda_unavailable();
    if (!reason.empty()) {
        if (gpu_required()) FAIL("SG_REQUIRE_GPU=1, but no GPU can be used: " << reason);
        WARN("not run on a GPU: " << reason);
        return nullptr;
    }
    auto device = Device::cuda();
    device->choose_convolutions("tests", {.policy = policy});
    return device;
}

}  // namespace sg::testing
