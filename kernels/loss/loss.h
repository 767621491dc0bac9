#pragma once

#include <cstdint>

#include "kernels/common/context.h"

namespace sg {

/// Losses on f32 or f64 values (never bf16: eight bits of mantissa are too few for a difference of
/// means). Every *_forward writes one scalar to `value`; sums are formed in fixed order.
/// T = float, double.

/// Binary cross entropy on logits, summed over the L attributes, averaged over the N images
/// (the official code's classification loss for CelebA):
///   value = 1/N sum_{n,l} max(z,0) - z y + log(1 + exp(-|z|))
template <class T>
struct BceArgs {
    int64_t N, L;
    const T* logits;   ///< z [N, L]
    const T* targets;  ///< y [N, L], in [0, 1]
    T* value;
};
template <class T>
void bce_with_logits_forward(CpuContext& context, const BceArgs<T>& args);

/// Softmax of each row: y[n,l] = exp(x[n,l]) / sum_k exp(x[n,k]). May run in place.
template <class T>
struct SoftmaxArgs {
    int64_t N, L;
    const T* x;
    T* y;
};
template <class T>
void softmax_forward(CpuContext& context, const SoftmaxArgs<T>& args);

/// Cross entropy of softmax(logits) against targets whose rows sum to 1 (one-hot labels), averaged
/// over the N images:  value = 1/N sum_n (logsumexp(z_n) - sum_l y[n,l] z[n,l])
template <class T>
void cross_entropy_forward(CpuContext& context, const BceArgs<T>& args);

/// Mean absolute error: value = 1/count sum |x - z|.
template <class T>
struct L1Args {
    int64_t count;
    const T* x;
    const T* z;
    T* value;
    T* workspace;  ///< l1_workspace(count) elements
};
int64_t l1_workspace(int64_t count);
template <class T>
void l1_forward(CpuContext& context, const L1Args<T>& args);

}  // namespace sg
