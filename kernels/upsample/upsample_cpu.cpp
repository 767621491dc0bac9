#include "kernels/upsample/upsample.h"

#include <algorithm>

namespace sg {

// A task is a row of the small image and the two rows of the large one that belong to it. Rows of
// all images are numbered n H + h, and row r of the small images lies at rows 2r and 2r + 1 of the
// large ones.

template <class T>
void upsample_forward(CpuContext& context, const UpsampleForwardArgs<T>& args) {
    const auto [N, H, W, C] = args.shape;
    const T* x = args.x;
    T* y = args.y;
    parallel_for(context, N * H, [=, W = W, C = C](int64_t row) {
        const T* from = x + row * W * C;
        T* upper = y + row * 4 * W * C;
        for (int64_t w = 0; w < W; ++w, from += C) {
            std::copy_n(from, C, upper + 2 * w * C);
            std::copy_n(from, C, upper + (2 * w + 1) * C);
        }
        std::copy_n(upper, 2 * W * C, upper + 2 * W * C);
    });
}

template <class T>
void upsample_backward(CpuContext& context, const UpsampleBackwardArgs<T>& args) {
    using A = acc_t<T>;
    const auto [N, H, W, C] = args.shape;
    const T* grad_y = args.grad_y;
    T* grad_x = args.grad_x;
    parallel_for(context, N * H, [=, W = W, C = C](int64_t row) {
        for (int64_t w = 0; w < W; ++w) {
            const T* upper = grad_y + (row * 4 * W + 2 * w) * C;
            const T* lower = upper + 2 * W * C;
            T* to = grad_x + (row * W + w) * C;
#pragma omp simd
            for (int64_t c = 0; c < C; ++c)
                store(to[c], (A(upper[c]) + A(upper[C + c])) + (A(lower[c]) + A(lower[C + c])));
        }
    });
}

#define SG_INSTANTIATE(T)                                                       \
    template void upsample_forward(CpuContext&, const UpsampleForwardArgs<T>&); \
    template void upsample_backward(CpuContext&, const UpsampleBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
SG_INSTANTIATE(double)

}  // namespace sg
