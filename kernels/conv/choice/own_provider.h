#pragma once

#include "kernels/common/device_context.h"
#include "kernels/conv/choice/provider.h"

namespace sg {

/// Our own kernels as a candidate: "default", and "wgmma" where Hopper's take the call. `version`
/// tells builds apart.
template <DeviceContext Device>
std::unique_ptr<ConvProvider> own_conv_provider(Device& device, std::string version);

}  // namespace sg
