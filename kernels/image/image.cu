#include "kernels/image/image.h"

#include <cmath>
#include <limits>

#include "kernels/common/elementwise.cuh"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels

constexpr int image_threads = 128;

/// unit_of_byte with its bits, but without the division, for which nvcc calls a function: a
/// quotient that may be off in its last place, corrected by its remainder.
__device__ inline float unit_without_division(uint8_t u) {
    constexpr float inverse = 1.0f / 255.0f;
    const float x = float(u), quotient = x * inverse;
    return (fmaf(fmaf(-quotient, 255.0f, x), inverse, quotient) - 0.5f) * 2.0f;
}

struct ImageExtents {
    int64_t N, H;
    int W, C, C_out;
};

/// A row of one image per block, N neighbouring values of y per thread: they are written by one
/// access, so that y leaves in whole sectors, and their bytes lie next to each other too (in the
/// other direction if mirrored). Grid: (H, images); no index needs a 64-bit division.
template <int N, class T>
__global__ void __launch_bounds__(image_threads)
    image_to_tensor_kernel(ImageExtents extents, Global<const uint8_t> images,
                           Global<const int64_t> index, Global<const uint8_t> flips, Global<T> y) {
    const int W = extents.W, C = extents.C, C_out = extents.C_out, length = W * C_out;
    for (int64_t n = blockIdx.y; n < extents.N; n += gridDim.y) {
        const int64_t image = index ? index[n] : n;
        const bool flip = flips && flips[n] != 0;
        const Global<const uint8_t> row = images + (image * extents.H + blockIdx.x) * W * C;
        const Global<T> y_row = y + (n * extents.H + blockIdx.x) * length;
        for (int i = int(threadIdx.x) * N; i < length; i += image_threads * N) {
            int w = i / C_out, c = i % C_out;
            Vec<T, N> values;
#pragma unroll
            for (int k = 0; k < N; ++k) {
                const int from = (flip ? W - 1 - w : w) * C + c;
                values[k] = T(c < C ? unit_without_division(row[from]) : 0.0f);
                if (++c == C_out) c = 0, ++w;
            }
            store(y_row + i, values);
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Launchers

template <int N, class Device, class T>
void launch_image(Device& device, const ImageToTensorArgs<T>& args) {
    const ImageExtents extents{args.N, args.H, int(args.W), int(args.C), int(args.C_out)};
    const auto images = unsigned(std::clamp<int64_t>(args.N, 1, 65535));
    launch(device,
           {.kernel = "image_to_tensor_kernel",
            .grid = {unsigned(args.H), images},
            .block = image_threads},
           image_to_tensor_kernel<N, T>, extents, args.images, args.index, args.flip, args.y);
}

}  // namespace

template <DeviceContext Device, class T>
void image_to_tensor(Device& device, const ImageToTensorArgs<T>& args) {
    const int64_t length = args.W * std::max(args.C, args.C_out);
    require(length < std::numeric_limits<int>::max() / 2, "image_to_tensor",
            "a row of {} values is too long", length);
    constexpr int N = vec_width<T>;
    if (aligned_to(16, args.y) && args.W * args.C_out % N == 0)
        launch_image<N>(device, args);
    else
        launch_image<1>(device, args);
}

template void image_to_tensor(ThisDevice&, const ImageToTensorArgs<float>&);
template void image_to_tensor(ThisDevice&, const ImageToTensorArgs<bf16>&);

}  // namespace sg
