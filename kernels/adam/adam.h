#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"
#include "kernels/common/host_device.h"

namespace sg {

/// What changes from one update to the next: step = 1 for the first update, the learning rate, and
///   correction1 = 1 / (1 - beta1^step),   correction2 = 1 / sqrt(1 - beta2^step).
/// It lives in memory that the context's kernels can read, so that a recorded sequence of kernels
/// (a CUDA graph) is the same for all updates.
struct AdamSchedule {
    int64_t step = 0;
    double lr = 0;
    double correction1 = 1, correction2 = 1;
};

/// The schedule of update `step` > 0.
SG_HOST_DEVICE inline AdamSchedule adam_schedule(int64_t step, double lr, double beta1,
                                                 double beta2) {
    return {step, lr, 1.0 / (1.0 - std::pow(beta1, double(step))),
            1.0 / std::sqrt(1.0 - std::pow(beta2, double(step)))};
}

/// schedule = that of update step + 1, with the same lr.
struct AdamAdvanceArgs {
    AdamSchedule* schedule;
    double beta1, beta2;
};
void adam_advance(CpuContext& context, const AdamAdvanceArgs& args);
template <DeviceContext Device>
void adam_advance(Device& device, const AdamAdvanceArgs& args);

/// One Adam update (Kingma & Ba 2015, algorithm 1) of `count` parameters, all arrays overwritten
/// element by element:
///   m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2,
///   p -= lr correction1 m / (sqrt(v) correction2 + eps)
/// Instantiations: T = float, double (double on the CPU only).
template <class T>
struct AdamArgs {
    int64_t count;
    T* p;  ///< or null: p is split into high and low (split_master.h); T = float
    T* m;
    T* v;
    const T* g;
    const AdamSchedule* schedule;  ///< of this update
    double beta1, beta2, eps;
    bf16* high = nullptr;
    int16_t* low = nullptr;
    const int32_t* halted = nullptr;  ///< if not null and *halted is not 0, nothing is changed
};
template <class T>
void adam_update(CpuContext& context, const AdamArgs<T>& args);
template <DeviceContext Device, class T>
void adam_update(Device& device, const AdamArgs<T>& args);

/// One step of the exponential average of `count` parameters: average += (1 - decay) (p - average),
/// that is decay average + (1 - decay) p, and exactly p where it was p already.
/// Instantiations: T = float, double (double on the CPU only).
template <class T>
struct EmaArgs {
    int64_t count;
    T* average;  ///< updated in place
    const T* p;
    double decay;                     ///< in [0, 1)
    const int32_t* halted = nullptr;  ///< if not null and *halted is not 0, nothing is changed
};
template <class T>
void ema_update(CpuContext& context, const EmaArgs<T>& args);
template <DeviceContext Device, class T>
void ema_update(Device& device, const EmaArgs<T>& args);

}  // namespace sg
