#include <cmath>

#include "kernels/loss/loss.h"

namespace sg {

template <class T>
void bce_with_logits_forward(CpuContext&, const BceArgs<T>& args) {
    T sum = 0;  // a few hundred elements: one thread, one order
    for (int64_t i = 0; i < args.N * args.L; ++i) {
        const T z = args.logits[i], y = args.targets[i];
        sum += std::max(z, T{0}) - z * y + std::log1p(std::exp(-std::abs(z)));
    }
    *args.value = sum / T(args.N);
}

namespace {

template <class T>
T row_maximum(const T* x, int64_t count) {
    T maximum = x[0];
    for (int64_t i = 1; i < count; ++i) maximum = std::max(maximum, x[i]);
    return maximum;
}

}  // namespace

template <class T>
void softmax_forward(CpuContext&, const SoftmaxArgs<T>& args) {
    for (int64_t n = 0; n < args.N; ++n) {
        const T* x = args.x + n * args.L;
        T* y = args.y + n * args.L;
        const T maximum = row_maximum(x, args.L);
        T sum = 0;
        for (int64_t l = 0; l < args.L; ++l) sum += y[l] = std::exp(x[l] - maximum);
        for (int64_t l = 0; l < args.L; ++l) y[l] /= sum;
    }
}

template <class T>
void cross_entropy_forward(CpuContext&, const BceArgs<T>& args) {
    T total = 0;
    for (int64_t n = 0; n < args.N; ++n) {
        const T* z = args.logits + n * args.L;
        const T* y = args.targets + n * args.L;
        const T maximum = row_maximum(z, args.L);
        T sum = 0, picked = 0;
        for (int64_t l = 0; l < args.L; ++l) {
            sum += std::exp(z[l] - maximum);
            picked += y[l] * z[l];
        }
        total += maximum + std::log(sum) - picked;
    }
    *args.value = total / T(args.N);
}

int64_t l1_workspace(int64_t count) {
    return (count + chunk_elements - 1) / chunk_elements;
}

template <class T>
void l1_forward(CpuContext& context, const L1Args<T>& args) {
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = begin; i < end; ++i) sum += std::abs(args.x[i] - args.z[i]);
        args.workspace[begin / chunk_elements] = sum;
    });
    T total = 0;
    for (int64_t c = 0; c < l1_workspace(args.count); ++c) total += args.workspace[c];
    *args.value = total / T(args.count);
}

#define SG_INSTANTIATE(T)                                                  \
    template void bce_with_logits_forward(CpuContext&, const BceArgs<T>&); \
    template void softmax_forward(CpuContext&, const SoftmaxArgs<T>&);     \
    template void cross_entropy_forward(CpuContext&, const BceArgs<T>&);   \
    template void l1_forward(CpuContext&, const L1Args<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(double)

}  // namespace sg
