#pragma once

#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"
#include "kernels/common/host_device.h"

namespace sg {

/// A byte of an image as the networks see it, in [-1, 1]: in f32 and in the order of torchvision's
/// ToTensor and Normalize, so with their bits.
SG_HOST_DEVICE constexpr float unit_of_byte(uint8_t u) {
    return (float(u) / 255.0f - 0.5f) / 0.5f;
}

/// A batch picked from stored images, mirrored left to right where wanted:
///   y[n,h,w,c] = unit_of_byte(images[index[n], h, flip[n] ? W-1-w : w, c]) for c < C,
///                0 for C <= c < C_out.
/// images [any number, H, W, C], y [N, H, W, C_out]; y is overwritten. The indices are not checked.
/// Instantiations: T = float, bf16.
template <class T>
struct ImageToTensorArgs {
    int64_t N, H, W, C, C_out;
    const uint8_t* images;
    const int64_t* index = nullptr;  ///< [N], null: index[n] = n
    const uint8_t* flip = nullptr;   ///< [N], nonzero mirrors; null: none
    T* y;
};
template <class T>
void image_to_tensor(CpuContext& context, const ImageToTensorArgs<T>& args);
template <DeviceContext Device, class T>
void image_to_tensor(Device& device, const ImageToTensorArgs<T>& args);

}  // namespace sg
