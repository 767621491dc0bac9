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

/// What checks of a training step's numbers have found, in memory that kernels can read. A check is
/// any number of find_non_finite and one end_check.
struct FiniteReport {
    static constexpr int32_t none = INT32_MAX;

    int32_t halted = 0;     ///< 1 once a check has ended with a finding: from then on all stays
    int32_t tensor = none;  ///< smallest number of a tensor that was found in the check under way
    int64_t checks = 0;     ///< that have ended without a finding
};

/// report->tensor = min(report->tensor, number) if x holds NaN or infinity and the report has not
/// halted. T as for the sums.
template <class T>
struct NonFiniteArgs {
    int64_t count;
    const T* x;
    int32_t number;
    FiniteReport* report;
};
template <class T>
void find_non_finite(CpuContext& context, const NonFiniteArgs<T>& args);
template <DeviceContext Device, class T>
void find_non_finite(Device& device, const NonFiniteArgs<T>& args);

/// report->halted = 1 if the check has found something, else ++report->checks.
void end_check(CpuContext& context, FiniteReport* report);
template <DeviceContext Device>
void end_check(Device& device, FiniteReport* report);

}  // namespace sg
