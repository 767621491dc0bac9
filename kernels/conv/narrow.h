#pragma once

#include <optional>

#include "kernels/conv/conv.h"

namespace sg {

/// Convolutions between images of few channels and wide feature maps, in bf16 on tensor cores: G's
/// first and last layer and D's first. A plain implicit matrix product wastes most of its
/// multiplications on them (3 columns of 64, or 3 channels of 8).
///
/// Seen from the narrow side there is one convolution with C <= 4 channels in x and K in y, and its
/// three passes:
///   narrow_input    y from x        G's first layer, D's first layer
///   narrow_output   grad_x from grad_y
///   narrow_wgrad    grad_w from both
/// A stride-1 convolution from many channels to K <= 4 is the same turned round: its fprop is
/// narrow_output, its dgrad narrow_input, of the convolution with the taps reversed, pad R-1-pad
/// and the roles of C and K exchanged. So weights are addressed by strides, and `reversed` says
/// which way the taps run.
struct NarrowWeights {
    int64_t wide_stride;    ///< elements from one wide channel to the next
    int64_t narrow_stride;  ///< from one narrow channel to the next
    int64_t tap_stride;     ///< from one tap (r,s) to the next, s first
    bool reversed;          ///< tap (r,s) lies at (R-1-r, S-1-s)
};

/// The convolution as its narrow side sees it: C <= 4 channels in x, K in y. `turned` if the
/// arguments' shape had K <= 4 and was turned round.
struct NarrowConv {
    ConvShape shape;
    NarrowWeights weights;
    bool turned;
};

/// How a pass of `shape` is seen from the narrow side; nullopt if the kernels below do not take it:
/// C <= 4 and K a multiple of 8 with R <= 7 (4 with stride 2), S <= 7, pad below both, and stride 1
/// or 2; or, with stride 1 and R = S (turned round, the pads are R-1-pad and S-1-pad), the same
/// with C and K exchanged. What fits both ways is not turned.
std::optional<NarrowConv> narrow_conv(const ConvShape& shape);

/// y = epilogue(conv(x, w)), or with label_bias as in ConvForwardArgs. x [N,H,W,C] narrow,
/// y [N,P,Q,K] wide. Needs no workspace.
template <class Out>
struct NarrowInputArgs {
    NarrowConv conv;
    const bf16* x;
    const bf16* w;
    ConvEpilogue<bf16> epilogue = {};
    const float* label_bias = nullptr;
    bool label_bias_relative = false;
    Out* y;
};
template <DeviceContext Device, class Out>
void narrow_input(Device& device, const NarrowInputArgs<Out>& args);

/// grad_x = epilogue(dgrad(grad_y, w)). grad_y [N,P,Q,K] wide, grad_x [N,H,W,C] narrow.
template <class Out>
struct NarrowOutputArgs {
    NarrowConv conv;
    const bf16* grad_y;
    const bf16* w;
    ConvEpilogue<bf16> epilogue = {};
    Out* grad_x;
};
template <DeviceContext Device, class Out>
void narrow_output(Device& device, const NarrowOutputArgs<Out>& args);

/// grad_w = wgrad(x, grad_y), written through conv.weights' strides, f32. The pixels are shared out
/// over blocks, whose sums go to the workspace and are added in fixed order.
struct NarrowWgradArgs {
    NarrowConv conv;
    const bf16* x;       ///< narrow [N,H,W,C]
    const bf16* grad_y;  ///< wide [N,P,Q,K]
    float* grad_w;
    float* workspace;  ///< narrow_wgrad_workspace floats
};
int64_t narrow_wgrad_workspace(const DeviceProperties& device, const NarrowConv& conv);
template <DeviceContext Device>
void narrow_wgrad(Device& device, const NarrowWgradArgs& args);

}  // namespace sg
