#pragma once

#include <span>

#include "kernels/common/ladder.h"
#include "kernels/instance_norm/instance_norm.h"

namespace sg {

/// Versions 1 to 7; 5, 6 and 7 are the kernels of instance_norm_forward, which chooses among them.
std::span<const LadderVersion> instance_norm_forward_ladder();
/// Versions 1 to 3, the kernels of instance_norm_backward.
std::span<const LadderVersion> instance_norm_backward_ladder();

/// Runs one version. Throws Error if there is no such version, or if the shape does not fit it
/// (5: the slab of an image in one block's shared memory; 6: in a cluster's).
template <DeviceContext Device, class T>
void instance_norm_forward_version(Device& device, int version,
                                   const InstanceNormForwardArgs<T>& args);
template <DeviceContext Device, class T>
void instance_norm_backward_version(Device& device, int version,
                                    const InstanceNormBackwardArgs<T>& args);

}  // namespace sg
