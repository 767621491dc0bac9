#pragma once

#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"

namespace sg {

/// Sums of x [rows, columns], formed in acc_t<T> over fixed chunks added in fixed order: the same
/// bits for any number of threads. Instantiations: T = float, bf16, double (double on the CPU
/// only). y is overwritten.
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
template <DeviceContext Device, class T>
void sum_rows(Device& device, const SumArgs<T>& args);

/// y[c] = sum_r x[r,c]: the bias gradient, with rows = N*P*Q and columns = channels.
template <class T>
void sum_channels(CpuContext& context, const SumArgs<T>& args);
template <DeviceContext Device, class T>
void sum_channels(Device& device, const SumArgs<T>& args);

/// index = that of the first element of x that is NaN or infinite, or -1. T as for the sums.
template <class T>
struct NonFiniteArgs {
    int64_t count;
    const T* x;
    int64_t* index;  ///< one number, overwritten
};
template <class T>
void first_non_finite(CpuContext& context, const NonFiniteArgs<T>& args);
template <DeviceContext Device, class T>
void first_non_finite(Device& device, const NonFiniteArgs<T>& args);

}  // namespace sg
