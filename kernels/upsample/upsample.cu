#include "kernels/upsample/upsample.h"

#include <type_traits>

#include "kernels/common/divide.h"
#include "kernels/common/elementwise.cuh"
#include "kernels/common/error.h"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels. A block takes a row of the small image at a time, a thread N channels of one of its
// pixels: one access there, four in the large image. Row r of the small images is rows 2r and
// 2r + 1 of the large ones, whichever image it belongs to.

/// Rows of all images; values of a row of the small one; how to tell pixel and channel apart.
struct Rows {
    int64_t count;
    int pixels, channels;
    Divider vectors;  // of a pixel: channels / N
};

/// The first of the channels that item i of a row is about: their offset in the small row and in
/// the upper one of the large rows.
struct Place {
    int small, large;
};
template <int N>
__device__ Place place_of(const Rows& rows, int i) {
    int pixel = i;
    const int channel = rows.vectors.split(pixel) * N;
    return {i * N, 2 * pixel * rows.channels + channel};
}

template <int N, class T>
__global__ void upsample_forward_kernel(Rows rows, Global<const T> x, Global<T> y) {
    const int width = rows.pixels * rows.channels, items = width / N;
    for (int64_t row = blockIdx.x; row < rows.count; row += gridDim.x) {
        const Global<const T> from = x + row * width;
        const Global<T> upper = y + 4 * row * width;
        for (int i = int(threadIdx.x); i < items; i += int(blockDim.x)) {
            const Place at = place_of<N>(rows, i);
            const Vec<T, N> values = load<N>(from + at.small);
            const Global<T> to = upper + at.large;
            store(to, values);
            store(to + rows.channels, values);
            store(to + 2 * width, values);
            store(to + 2 * width + rows.channels, values);
        }
    }
}

template <int N, class T>
__global__ void upsample_backward_kernel(Rows rows, Global<const T> grad_y, Global<T> grad_x) {
    const int width = rows.pixels * rows.channels, items = width / N;
    for (int64_t row = blockIdx.x; row < rows.count; row += gridDim.x) {
        const Global<const T> upper = grad_y + 4 * row * width;
        const Global<T> to = grad_x + row * width;
        for (int i = int(threadIdx.x); i < items; i += int(blockDim.x)) {
            const Place at = place_of<N>(rows, i);
            const Global<const T> from = upper + at.large;
            const Vec<T, N> left = load<N>(from), right = load<N>(from + rows.channels);
            const Vec<T, N> lower_left = load<N>(from + 2 * width);
            const Vec<T, N> lower_right = load<N>(from + 2 * width + rows.channels);
            Vec<T, N> sums;
#pragma unroll
            for (int k = 0; k < N; ++k)
                sums[k] = T((float(left[k]) + float(right[k])) +
                            (float(lower_left[k]) + float(lower_right[k])));
            store(to + at.small, sums);
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Launchers

/// body(rows, launch) for a grid with a block per row, up to what fills the device.
template <int N, class Body>
void with_launch(const DeviceProperties& device, const char* kernel, const UpsampleShape& s,
                 const Body& body) {
    constexpr int64_t most = int64_t{1} << 29;  // offsets within two large rows are 32-bit
    require(s.W * s.C < most, kernel, "rows of {} pixels with {} channels are too long", s.W, s.C);
    const Rows rows{s.N * s.H, int(s.W), int(s.C), Divider(s.C / N)};
    constexpr int64_t warp = 32;
    const int64_t items = s.W * s.C / N;
    const auto block =
        unsigned(std::clamp<int64_t>((items + warp - 1) / warp * warp, warp, elementwise_threads));
    const int64_t enough = int64_t{8} * device.processors * elementwise_threads / block;
    body(rows, Launch{.kernel = kernel,
                      .grid = unsigned(std::clamp<int64_t>(rows.count, 1, enough)),
                      .block = block});
}

/// body(constant) for the channels that a thread takes at once: 16 bytes of them where the pixels
/// and both arrays allow, else one.
template <class T, class Body>
void with_width(int64_t channels, const T* small, const T* large, const Body& body) {
    if (channels % vec_width<T> == 0 && aligned_to(16, small, large))
        body(std::integral_constant<int, vec_width<T>>{});
    else
        body(std::integral_constant<int, 1>{});
}

}  // namespace

template <DeviceContext Device, class T>
void upsample_forward(Device& device, const UpsampleForwardArgs<T>& args) {
    with_width(args.shape.C, args.x, args.y, [&](auto width) {
        constexpr int N = decltype(width)::value;
        with_launch<N>(device.properties(), "upsample_forward_kernel", args.shape,
                       [&](const Rows& rows, const Launch& how) {
                           launch(device, how, upsample_forward_kernel<N, T>, rows, args.x, args.y);
                       });
    });
}

template <DeviceContext Device, class T>
void upsample_backward(Device& device, const UpsampleBackwardArgs<T>& args) {
    with_width(args.shape.C, args.grad_x, args.grad_y, [&](auto width) {
        constexpr int N = decltype(width)::value;
        with_launch<N>(device.properties(), "upsample_backward_kernel", args.shape,
                       [&](const Rows& rows, const Launch& how) {
                           launch(device, how, upsample_backward_kernel<N, T>, rows, args.grad_y,
                                  args.grad_x);
                       });
    });
}

#define SG_INSTANTIATE(T)                                                       \
    template void upsample_forward(ThisDevice&, const UpsampleForwardArgs<T>&); \
    template void upsample_backward(ThisDevice&, const UpsampleBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
#undef SG_INSTANTIATE

}  // namespace sg
