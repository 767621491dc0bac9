#pragma once

#include "kernels/conv/conv.h"

namespace sg {

/// Hopper's version of the convolutions (README.md here): bf16, forward and dgrad with any stride,
/// C and K multiples of 64.

/// Whether the device's instructions and memory and the shape allow it.
bool conv_wgmma_takes(const DeviceProperties& device, ConvPass pass, const ConvShape& shape);

struct WgmmaPlan {
    int tile_n;     ///< columns of the result that one block computes, by 128 rows
    double clocks;  ///< that the model expects
};
/// The tile, of 64, 128 or 256 columns, that divides the result's and has the least time by a model
/// of the device (plan.cpp).
WgmmaPlan conv_wgmma_plan(const DeviceProperties& device, ConvPass pass, const ConvShape& shape);

/// Whether to use it, as far as the shape decides (ConvWgmma in conv.h).
bool conv_wgmma_chosen(const DeviceProperties& device, ConvPass pass, const ConvShape& shape,
                       ConvWgmma wgmma);

/// Queue the pass and return true; or return false if it is not chosen or an operand is not aligned
/// to 16 bytes. Arguments have been checked, label_bias is left to the caller.
template <class Out>
bool conv_wgmma_forward(CudaContext& device, const ConvForwardArgs<bf16, Out, bf16>& args);
template <class Out>
bool conv_wgmma_dgrad(CudaContext& device, const ConvDgradArgs<bf16, Out, bf16>& args);

}  // namespace sg
