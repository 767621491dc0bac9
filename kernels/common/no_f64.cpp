#include "kernels/adam/adam.h"
#include "kernels/common/error.h"
#include "kernels/conv/conv.h"
#include "kernels/gradient_penalty/gradient_penalty.h"
#include "kernels/instance_norm/instance_norm.h"
#include "kernels/label_concat/label_concat.h"
#include "kernels/loss/loss.h"
#include "kernels/pointwise/pointwise.h"
#include "kernels/reduce/reduce.h"
#include "kernels/upsample/upsample.h"

// f64 is for gradient checks on the CPU. Asking another device for it is an error with the kernel's
// name, so that code that chooses the type at run time builds for every device.

namespace sg {

namespace {

[[noreturn]] void no_f64(const char* kernel) {
    throw Error(kernel, "has kernels for f32 and bf16 on this device, not for f64",
                "f64 runs on the cpu");
}

}  // namespace

#define SG_NO_F64(function, Args)                      \
    template <>                                        \
    void function(CudaContext&, const Args<double>&) { \
        no_f64(#function);                             \
    }                                                  \
    template <>                                        \
    void function(SimContext&, const Args<double>&) {  \
        no_f64(#function);                             \
    }

SG_NO_F64(adam_update, AdamArgs)
SG_NO_F64(ema_update, EmaArgs)
SG_NO_F64(gradient_penalty, PenaltyArgs)
SG_NO_F64(interpolate, InterpolateArgs)
SG_NO_F64(leaky_mask, LeakyMaskArgs)
SG_NO_F64(patch_seeds, PatchSeedsArgs)
SG_NO_F64(instance_norm_forward, InstanceNormForwardArgs)
SG_NO_F64(instance_norm_backward, InstanceNormBackwardArgs)
SG_NO_F64(instance_norm_double_backward, InstanceNormDoubleBackwardArgs)
SG_NO_F64(label_concat_forward, LabelConcatForwardArgs)
SG_NO_F64(label_concat_backward, LabelConcatBackwardArgs)
SG_NO_F64(label_bias_table, LabelBiasTableArgs)
SG_NO_F64(label_bias_forward, LabelBiasForwardArgs)
SG_NO_F64(label_bias_backward, LabelBiasBackwardArgs)
SG_NO_F64(bce_with_logits_forward, BceArgs)
SG_NO_F64(cross_entropy_forward, BceArgs)
SG_NO_F64(softmax_forward, SoftmaxArgs)
SG_NO_F64(l1_forward, L1Args)
SG_NO_F64(mean_forward, MeanArgs)
SG_NO_F64(unary, UnaryArgs)
SG_NO_F64(binary, BinaryArgs)
SG_NO_F64(fill, FillArgs)
SG_NO_F64(scale_rows, ScaleRowsArgs)
SG_NO_F64(broadcast_rows, BroadcastArgs)
SG_NO_F64(broadcast_channels, BroadcastArgs)
SG_NO_F64(transpose, TransposeArgs)
SG_NO_F64(sum_rows, SumArgs)
SG_NO_F64(sum_channels, SumArgs)
SG_NO_F64(find_non_finite, NonFiniteArgs)
SG_NO_F64(conv_wgrad, ConvWgradArgs)
SG_NO_F64(upsample_forward, UpsampleForwardArgs)
SG_NO_F64(upsample_backward, UpsampleBackwardArgs)

// Kernels that are templates of two types.
#define SG_NO_F64_PAIR(function, Arguments)  \
    template <>                              \
    void function(CudaContext&, Arguments) { \
        no_f64(#function);                   \
    }                                        \
    template <>                              \
    void function(SimContext&, Arguments) {  \
        no_f64(#function);                   \
    }

using F64ConvForward = ConvForwardArgs<double, double, double>;
using F64ConvDgrad = ConvDgradArgs<double, double, double>;
using F64FromFloat = CastArgs<float, double>;
using F64FromBf16 = CastArgs<bf16, double>;
using F64ToFloat = CastArgs<double, float>;
using F64ToBf16 = CastArgs<double, bf16>;
SG_NO_F64_PAIR(conv_forward, const F64ConvForward&)
SG_NO_F64_PAIR(conv_dgrad, const F64ConvDgrad&)
SG_NO_F64_PAIR(cast, const F64FromFloat&)
SG_NO_F64_PAIR(cast, const F64FromBf16&)
SG_NO_F64_PAIR(cast, const F64ToFloat&)
SG_NO_F64_PAIR(cast, const F64ToBf16&)

template <>
int64_t conv_workspace<double>(const DeviceProperties&, ConvPass pass, const ConvShape&, ConvMath) {
    no_f64(to_string(pass));
}

}  // namespace sg
