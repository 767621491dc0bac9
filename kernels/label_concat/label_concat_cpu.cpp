#include "kernels/label_concat/label_concat.h"

namespace sg {

namespace {

// Pixels per task: enough work to be worth handing to a thread.
constexpr int64_t pixels_per_task = 1024;

template <class Body>
void for_each_pixel_block(const CpuContext& context, int64_t pixels, const Body& body) {
    const int64_t blocks = (pixels + pixels_per_task - 1) / pixels_per_task;
    parallel_for(context, blocks, [&](int64_t b) {
        const int64_t end = std::min(pixels, (b + 1) * pixels_per_task);
        for (int64_t i = b * pixels_per_task; i < end; ++i) body(i);
    });
}

}  // namespace

template <class T>
void label_concat_forward(CpuContext& context, const LabelConcatForwardArgs<T>& args) {
    const auto [N, M, C, L, x, labels, y] = args;
    for_each_pixel_block(context, N * M, [=](int64_t i) {
        T* out = y + i * (C + L);
        for (int64_t c = 0; c < C; ++c) out[c] = x[i * C + c];
        for (int64_t l = 0; l < L; ++l) out[C + l] = T(labels[i / M * L + l]);
    });
}

template <class T>
void label_concat_backward(CpuContext& context, const LabelConcatBackwardArgs<T>& args) {
    const auto [N, M, C, L, grad_y, grad_x] = args;
    for_each_pixel_block(context, N * M, [=](int64_t i) {
        for (int64_t c = 0; c < C; ++c) grad_x[i * C + c] = grad_y[i * (C + L) + c];
    });
}

#define SG_INSTANTIATE(T)                                                              \
    template void label_concat_forward(CpuContext&, const LabelConcatForwardArgs<T>&); \
    template void label_concat_backward(CpuContext&, const LabelConcatBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
SG_INSTANTIATE(double)

}  // namespace sg
