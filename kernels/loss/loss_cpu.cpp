#include <cmath>

#include "kernels/common/lanes.h"
#include "kernels/common/piece.h"
#include "kernels/loss/loss.h"

namespace sg {

template <class T>
void bce_with_logits_forward(CpuContext&, const BceArgs<T>& args) {
    const T factor = T(args.weight / double(args.N));
    T sum = 0;  // a few hundred elements: one thread, one order
    for (int64_t i = 0; i < args.N * args.L; ++i) {
        const T z = args.logits[i], y = args.targets[i];
        const T e = std::exp(-std::abs(z));  // never overflows
        sum += std::max(z, T{0}) - z * y + std::log1p(e);
        if (args.grad_logits) args.grad_logits[i] = factor * ((z >= 0 ? T{1} : e) / (T{1} + e) - y);
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
    const T factor = T(args.weight / double(args.N));
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
        if (!args.grad_logits) continue;
        for (int64_t l = 0; l < args.L; ++l)
            args.grad_logits[n * args.L + l] = factor * (std::exp(z[l] - maximum) / sum - y[l]);
    }
    *args.value = total / T(args.N);
}

namespace {

/// The chunks' sums, added in order.
template <class T>
T total_of(const T* partial, int64_t chunks) {
    T total = 0;
    for (int64_t c = 0; c < chunks; ++c) total += partial[c];
    return total;
}

}  // namespace

int64_t l1_workspace(int64_t count) {
    static_assert(device_piece <= chunk_elements);
    return pieces_of(count, device_piece);
}

int64_t mean_workspace(int64_t count) {
    return pieces_of(count, device_piece);
}

template <class T>
void l1_forward(CpuContext& context, const L1Args<T>& args) {
    const T factor = T(args.weight / double(args.count));
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        const T *x = args.x, *z = args.z;
        args.workspace[begin / chunk_elements] =
            sum_in_lanes<T>(begin, end, [=](int64_t i) { return std::abs(x[i] - z[i]); });
        if (!args.grad_x) return;
        T* grad_x = args.grad_x;
        const T scale = factor;
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) grad_x[i] = scale * (T(x[i] > z[i]) - T(x[i] < z[i]));
    });
    *args.value = total_of(args.workspace, pieces_of(args.count, chunk_elements)) / T(args.count);
}

template <class T>
void mean_forward(CpuContext& context, const MeanArgs<T>& args) {
    const T gradient = T(args.weight / double(args.count));
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        args.workspace[begin / chunk_elements] =
            sum_in_lanes<T>(begin, end, [x = args.x](int64_t i) { return x[i]; });
        if (args.grad_x) std::fill(args.grad_x + begin, args.grad_x + end, gradient);
    });
    *args.value = total_of(args.workspace, pieces_of(args.count, chunk_elements)) / T(args.count);
}

#define SG_INSTANTIATE(T)                                                  \
    template void bce_with_logits_forward(CpuContext&, const BceArgs<T>&); \
    template void softmax_forward(CpuContext&, const SoftmaxArgs<T>&);     \
    template void cross_entropy_forward(CpuContext&, const BceArgs<T>&);   \
    template void l1_forward(CpuContext&, const L1Args<T>&);               \
    template void mean_forward(CpuContext&, const MeanArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(double)

}  // namespace sg
