#pragma once

#include "kernels/common/device_context.h"
#include "kernels/conv/choice/provider.h"

namespace sg {

/// Our own kernels: "default", as their model of the device decides; where Hopper's take the call
/// also "wgmma" and "mma", with them and without. `version`
/// tells builds apart.
template <DeviceContext Device>
std::unique_ptr<ConvProvider> own_conv_provider(Device& device, std::string version);

}  // namespace sg
