#include "kernels/label_concat/label_concat.h"

#include <type_traits>

#include "kernels/common/elementwise.cuh"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels

/// N channels per thread and step. N divides the width, so they belong to one pixel, and the writes
/// are one stream. The reads of x are narrow, but a warp's lie together.
template <int N, class T>
__global__ void label_concat_forward_kernel(int64_t count, int64_t M, int64_t C, int64_t L,
                                            int64_t width, Global<const T> x,
                                            Global<const float> labels, Global<T> y) {
    for (int64_t i = grid_thread() * N; i < count; i += grid_threads() * N) {
        const int64_t pixel = i / width, first = i % width;
        const int64_t image = pixel / M;
        Vec<T, N> values;
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const int64_t c = first + k;
            if (c < C)
                values[k] = x[pixel * C + c];
            else if (c < C + L)
                values[k] = T(labels[image * L + c - C]);
            else
                values[k] = T(0.0f);
        }
        store(y + i, values);
    }
}

/// One value per thread and step. With 3 of 8 channels, wider writes would make a warp's reads
/// touch so many lines at once that they take longer than the writes save.
template <class T>
__global__ void label_concat_backward_kernel(int64_t count, int64_t C, int64_t width,
                                             Global<const T> grad_y, Global<T> grad_x) {
    for (int64_t i = grid_thread(); i < count; i += grid_threads())
        grad_x[i] = grad_y[i / C * width + i % C];
}

}  // namespace

// ---------------------------------------------------------------------------------------------
// Launchers

template <DeviceContext Device, class T>
void label_concat_forward(Device& device, const LabelConcatForwardArgs<T>& args) {
    const int64_t width = args.C + args.L + args.padding, count = args.N * args.M * width;
    const auto run = [&](auto constant) {
        constexpr int N = decltype(constant)::value;
        launch(device,
               elementwise_launch(device.properties(), "label_concat_forward_kernel", count / N),
               label_concat_forward_kernel<N, T>, count, args.M, args.C, args.L, width, args.x,
               args.labels, args.y);
    };
    if (width % vec_width<T> == 0 && aligned_to(16, args.y))
        run(std::integral_constant<int, vec_width<T>>{});
    else
        run(std::integral_constant<int, 1>{});
}

template <DeviceContext Device, class T>
void label_concat_backward(Device& device, const LabelConcatBackwardArgs<T>& args) {
    const int64_t count = args.N * args.M * args.C;
    launch(device, elementwise_launch(device.properties(), "label_concat_backward_kernel", count),
           label_concat_backward_kernel<T>, count, args.C, args.C + args.L + args.padding,
           args.grad_y, args.grad_x);
}

#define SG_INSTANTIATE(T)                                                              \
    template void label_concat_forward(ThisDevice&, const LabelConcatForwardArgs<T>&); \
    template void label_concat_backward(ThisDevice&, const LabelConcatBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
#undef SG_INSTANTIATE

}  // namespace sg
