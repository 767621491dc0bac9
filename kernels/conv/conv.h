#pragma once

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"
#include "kernels/common/device_properties.h"
#include "kernels/conv/conv_form.h"

// The passes of a convolution. Outputs are overwritten; no pass may run in place.
//
// On the CPU: T = float, bf16 (products of bf16 values summed in f32) and double; Out is T, or
// float with T = bf16. Weights are W = acc_t<T>: the f32 masters are converted and laid out for
// the processor inside; the result of that is kept and reused while `weight_version` (nonzero)
// stays the same for the same pointer.
//
// On a device: T = float, bf16; Out as above. Weights are W = T, which for bf16 is a copy that the
// caller rounds (Adam writes one). Tensors have less than 2^31 - 256 elements. The caller provides
// conv_workspace(...) floats; nothing is kept between calls.

namespace sg {

/// How a device multiplies f32: in f32, or on tensor cores after rounding operands to tf32 (10 bits
/// of mantissa; sums stay f32). The CPU and bf16 take no notice.
enum class ConvMath { strict, tf32 };

/// Whether a device with wgmma (Hopper) multiplies bf16 by it (kernels/conv/wgmma): where that is
/// expected to be faster, never, or wherever it can. On a context opened with SG_WGMMA=0 in the
/// environment `automatic` is `never`. Needs no other workspace.
enum class ConvWgmma { automatic, never, always };

/// Floats of workspace that a pass needs on a device: partial sums, where the sum of each output
/// element is split over several blocks.
template <class T>
int64_t conv_workspace(const DeviceProperties& device, ConvPass pass, const ConvShape& shape,
                       ConvMath math = ConvMath::strict);

/// What is done to each sum v before it is stored, in this order; every part is optional:
///   v += bias[channel]
///   v *= v > 0 ? 1 : slope                            LeakyReLU
///   v *= mask[element] > 0 ? 1 : mask_slope           LeakyReLU's derivative; mask is its output
///   v += residual[element]
/// `mask` and `residual` have the shape of the result; they may not overlap it, except that either
/// may be the result itself (each element is read before it is written).
template <class T>
struct ConvEpilogue {
    const acc_t<T>* bias = nullptr;  ///< one per channel of the result
    acc_t<T> slope = 1;
    const T* mask = nullptr;
    acc_t<T> mask_slope = 1;
    const T* residual = nullptr;

    /// Whether there is something beyond the bias.
    bool more() const { return slope != 1 || mask || residual; }
};

/// y = epilogue(conv(x, w)).
template <class T, class Out = T, class W = acc_t<T>>
struct ConvForwardArgs {
    ConvShape shape;
    const T* x;
    const W* w;
    ConvEpilogue<T> epilogue = {};
    /// Labels without planes for them: label_bias_table's [N, R, S, K], added as label_bias_forward
    /// would (kernels/label_concat). For odd R = S, stride 1, pad (R-1)/2, without an epilogue.
    const acc_t<T>* label_bias = nullptr;
    bool label_bias_relative = false;
    Out* y;
    uint64_t weight_version = 0;       ///< CPU
    ConvMath math = ConvMath::strict;  ///< device
    ConvWgmma wgmma = ConvWgmma::automatic;
    ConvForm form = ConvForm::automatic;
    float* workspace = nullptr;  ///< device
    int64_t workspace_size = 0;
};
template <class T, class Out>
void conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args);
template <DeviceContext Device, class T, class Out>
void conv_forward(Device& device, const ConvForwardArgs<T, Out, T>& args);

/// grad_x[n,h,w,c] = epilogue(sum over the (p,q,r,s,k) that read x[n,h,w,c] of
/// grad_y[n,p,q,k] w[k,r,s,c]).
template <class T, class Out = T, class W = acc_t<T>>
struct ConvDgradArgs {
    ConvShape shape;
    const T* grad_y;
    const W* w;
    ConvEpilogue<T> epilogue = {};
    Out* grad_x;
    uint64_t weight_version = 0;
    ConvMath math = ConvMath::strict;
    ConvWgmma wgmma = ConvWgmma::automatic;
    ConvForm form = ConvForm::automatic;
    float* workspace = nullptr;
    int64_t workspace_size = 0;
};
template <class T, class Out>
void conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args);
template <DeviceContext Device, class T, class Out>
void conv_dgrad(Device& device, const ConvDgradArgs<T, Out, T>& args);

/// grad_w[k,r,s,c] = sum_{n,p,q} grad_y[n,p,q,k] x[n, p*stride - pad + r, q*stride - pad + s, c].
/// The sum is split in a way that depends on the shape alone (on a device: also on how many
/// processors it has), and added in fixed order: the same bits in every run.
template <class T>
struct ConvWgradArgs {
    ConvShape shape;
    const T* x;
    const T* grad_y;
    acc_t<T>* grad_w;
    ConvMath math = ConvMath::strict;
    ConvForm form = ConvForm::automatic;
    float* workspace = nullptr;
    int64_t workspace_size = 0;
};
template <class T>
void conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args);
template <DeviceContext Device, class T>
void conv_wgrad(Device& device, const ConvWgradArgs<T>& args);

}  // namespace sg
