#pragma once

#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"

namespace sg {

/// Sums of x [rows, columns], formed in acc_t<T> over fixed chunks added in fixed order: the same
/// bits for any number of threads. Instantiations: T = float, bf16, double. y is overwritten.
template <class T>
struct SumArgs {
    int64_t rows, columns;
    const T* x;
    acc_t<T>* y;
    acc_t<T>* workspace;  ///< sum_workspace(rows, columns) elements
};
int64_t sum_workspace(int64_t rows, int64_t columns);

/// y[r] = sum_c x[r,c]. rows = 1 is the sum of everything.
template <class T>
void sum_rows(CpuContext& context, const SumArgs<T>& args);

/// y[c] = sum_r x[r,c]: the bias gradient, with rows = N*P*Q and columns = channels.
template <class T>
void sum_channels(CpuContext& context, const SumArgs<T>& args);

/// Index of the first element that is NaN or infinite, or -1.
template <class T>
int64_t first_non_finite(CpuContext& context, const T* x, int64_t count);

}  // namespace sg
