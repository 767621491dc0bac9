#pragma once

#include <span>

#include "kernels/common/ladder.h"
#include "kernels/conv/conv.h"

// From the formula to the kernels that are used, one idea a step: README.md in this folder.

namespace sg {

/// Seven versions of the forward pass. 5 and 7 are for bf16, 7 for Hopper; 6 is conv_forward.
std::span<const LadderVersion> conv_forward_ladder();
/// The other passes: the first version, the production and, for dgrad, wgmma.
std::span<const LadderVersion> conv_dgrad_ladder();
std::span<const LadderVersion> conv_wgrad_ladder();
std::span<const LadderVersion> conv_ladder(ConvPass pass);

/// Floats of workspace that a version needs.
template <class T>
int64_t conv_version_workspace(const DeviceProperties& device, ConvPass pass, int version,
                               const ConvShape& shape, ConvMath math = ConvMath::strict);

/// Runs one version. Throws Error if there is no such version, if it is not for the type, or if the
/// shape does not fit it (2: the patches of one channel in a block's shared memory; 7: channels in
/// multiples of 64). The versions below production know no label bias.
template <DeviceContext Device, class T, class Out>
void conv_forward_version(Device& device, int version, const ConvForwardArgs<T, Out, T>& args);
template <DeviceContext Device, class T, class Out>
void conv_dgrad_version(Device& device, int version, const ConvDgradArgs<T, Out, T>& args);
template <DeviceContext Device, class T>
void conv_wgrad_version(Device& device, int version, const ConvWgradArgs<T>& args);

}  // namespace sg
