#pragma once

#include <cstdint>

#include "kernels/common/context.h"
#include "kernels/common/device_context.h"

namespace sg {

/// Losses on f32 or f64 values (never bf16: eight bits of mantissa are too few for a difference of
/// means). T = float, double (double on the CPU only). Every *_forward writes one scalar to
/// `value`; sums are formed in fixed order. Where a gradient is asked for, the same pass overwrites
/// it with weight * d value / d input: what a step needs of a loss that enters its total with that
/// weight. The value itself is not weighted.

/// Binary cross entropy on logits, summed over the L attributes, averaged over the N images
/// (the official code's classification loss for CelebA):
///   value = 1/N sum_{n,l} max(z,0) - z y + log(1 + exp(-|z|)),   gradient (sigmoid(z) - y) / N
template <class T>
struct BceArgs {
    int64_t N, L;
    const T* logits;   ///< z [N, L]
    const T* targets;  ///< y [N, L], in [0, 1]
    T* value;
    T* grad_logits = nullptr;  ///< [N, L], not an input; null: not wanted
    double weight = 1;
};
template <class T>
void bce_with_logits_forward(CpuContext& context, const BceArgs<T>& args);
template <DeviceContext Device, class T>
void bce_with_logits_forward(Device& device, const BceArgs<T>& args);

/// Softmax of each row: y[n,l] = exp(x[n,l]) / sum_k exp(x[n,k]). May run in place.
template <class T>
struct SoftmaxArgs {
    int64_t N, L;
    const T* x;
    T* y;
};
template <class T>
void softmax_forward(CpuContext& context, const SoftmaxArgs<T>& args);
template <DeviceContext Device, class T>
void softmax_forward(Device& device, const SoftmaxArgs<T>& args);

/// Cross entropy of softmax(logits) against targets whose rows sum to 1 (one-hot labels), averaged
/// over the N images:
///   value = 1/N sum_n (logsumexp(z_n) - sum_l y[n,l] z[n,l]),   gradient (softmax(z) - y) / N
template <class T>
void cross_entropy_forward(CpuContext& context, const BceArgs<T>& args);
template <DeviceContext Device, class T>
void cross_entropy_forward(Device& device, const BceArgs<T>& args);

/// Mean absolute error: value = 1/count sum |x - z|, gradient sign(x - z) / count, 0 where equal.
template <class T>
struct L1Args {
    int64_t count;
    const T* x;
    const T* z;
    T* value;
    T* workspace;         ///< l1_workspace(count) elements
    T* grad_x = nullptr;  ///< [count], may be x; null: not wanted
    double weight = 1;
};
int64_t l1_workspace(int64_t count);
template <class T>
void l1_forward(CpuContext& context, const L1Args<T>& args);
template <DeviceContext Device, class T>
void l1_forward(Device& device, const L1Args<T>& args);

/// The critic's loss, the mean over images and patches: value = 1/count sum x, gradient 1 / count.
template <class T>
struct MeanArgs {
    int64_t count;
    const T* x;
    T* value;
    T* grad_x = nullptr;  ///< [count], may be x; null: not wanted
    double weight = 1;
    T* workspace;  ///< mean_workspace(count) elements
};
int64_t mean_workspace(int64_t count);
template <class T>
void mean_forward(CpuContext& context, const MeanArgs<T>& args);
template <DeviceContext Device, class T>
void mean_forward(Device& device, const MeanArgs<T>& args);

}  // namespace sg
