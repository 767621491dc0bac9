#pragma once

#include <span>

#include "kernels/common/ladder.h"
#include "kernels/conv/conv.h"

// From the formula to the kernels that are used, one idea a step: README.md in this folder.

namespace sg {

/// production: whether the ladders end with conv_forward, conv_dgrad and conv_wgrad themselves.
inline constexpr bool conv_ladder_production = false;

/// Versions 1 to 5 of the forward pass. Version 5 is for bf16, the others for both types.
std::span<const LadderVersion> conv_forward_ladder();
/// Version 1 of the other passes.
std::span<const LadderVersion> conv_dgrad_ladder();
std::span<const LadderVersion> conv_wgrad_ladder();
std::span<const LadderVersion> conv_ladder(ConvPass pass);

/// Floats of workspace that a version needs.
template <class T>
int64_t conv_version_workspace(const DeviceProperties& device, ConvPass pass, int version,
                               const ConvShape& shape);

/// Runs one version. Throws Error if there is no such version, if it is not for the type, or if the
/// shape does not fit it (2: the patches of one channel in a block's shared memory). The versions
/// below production know no label bias.
template <DeviceContext Device, class T, class Out>
void conv_forward_version(Device& device, int version, const ConvForwardArgs<T, Out, T>& args);
template <DeviceContext Device, class T, class Out>
void conv_dgrad_version(Device& device, int version, const ConvDgradArgs<T, Out, T>& args);
template <DeviceContext Device, class T>
void conv_wgrad_version(Device& device, int version, const ConvWgradArgs<T>& args);

}  // namespace sg
