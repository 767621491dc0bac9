#pragma once

#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"

namespace sg {

/// Nearest-neighbour doubling of images and its adjoint. Instantiations: T = float, bf16, double
/// (double on the CPU only). All arrays are NHWC, outputs are overwritten, neither works in place.

/// Extents of the small image; the large one is [N, 2H, 2W, C].
struct UpsampleShape {
    int64_t N, H, W, C;
};

/// y[n, 2h+a, 2w+b, c] = x[n,h,w,c]   for a, b in {0, 1}
template <class T>
struct UpsampleForwardArgs {
    UpsampleShape shape;
    const T* x;  ///< [N, H, W, C]
    T* y;        ///< [N, 2H, 2W, C]
};
template <class T>
void upsample_forward(CpuContext& context, const UpsampleForwardArgs<T>& args);
template <DeviceContext Device, class T>
void upsample_forward(Device& device, const UpsampleForwardArgs<T>& args);

/// With g = grad_y[n, 2h.., 2w.., c], in acc_t<T> and in this order, rounded once:
///   grad_x[n,h,w,c] = (g[0,0] + g[0,1]) + (g[1,0] + g[1,1])
template <class T>
struct UpsampleBackwardArgs {
    UpsampleShape shape;
    const T* grad_y;  ///< [N, 2H, 2W, C]
    T* grad_x;        ///< [N, H, W, C]
};
template <class T>
void upsample_backward(CpuContext& context, const UpsampleBackwardArgs<T>& args);
template <DeviceContext Device, class T>
void upsample_backward(Device& device, const UpsampleBackwardArgs<T>& args);

}  // namespace sg
