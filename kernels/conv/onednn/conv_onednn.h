#pragma once

#include "kernels/conv/conv.h"

// The CPU's convolution by oneDNN, for T = float and bf16. The bits do not depend on the number of
// threads. Throws Error("conv") where oneDNN has no kernel for this processor. In a build without
// oneDNN (SG_ONEDNN=OFF) these are declared, but nobody calls them.

namespace sg {

#ifdef SG_ONEDNN_ENABLED
inline constexpr bool has_onednn = true;
#else
inline constexpr bool has_onednn = false;
#endif

/// Of the epilogue, bias and slope.
template <class T, class Out>
void onednn_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args);
/// Without an epilogue.
template <class T, class Out>
void onednn_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args);
template <class T>
void onednn_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args);

/// bf16 by f32's kernels, on operands widened for the call. Products of two bf16 are exact in f32,
/// so nothing changes but the order of sums.
template <class Out>
void widened_conv_forward(CpuContext& context, const ConvForwardArgs<bf16, Out>& args);
template <class Out>
void widened_conv_dgrad(CpuContext& context, const ConvDgradArgs<bf16, Out>& args);

}  // namespace sg
