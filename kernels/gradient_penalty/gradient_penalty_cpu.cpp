#include <cmath>

#include "kernels/gradient_penalty/gradient_penalty.h"

namespace sg {

template <class T>
void interpolate(CpuContext& context, const InterpolateArgs<T>& args) {
    parallel_for(context, args.N, [&](int64_t n) {
        const T a = args.alpha[n];
#pragma omp simd
        for (int64_t i = n * args.M; i < (n + 1) * args.M; ++i)
            args.x_hat[i] = a * args.real[i] + (T{1} - a) * args.fake[i];
    });
}

namespace {

int64_t chunks_of(int64_t M) {
    return (M + chunk_elements - 1) / chunk_elements;
}

}  // namespace

int64_t penalty_workspace(int64_t N, int64_t M) {
    return N * chunks_of(M);
}

template <class T>
void gradient_penalty(CpuContext& context, const PenaltyArgs<T>& args) {
    const int64_t chunks = chunks_of(args.M);
    parallel_for(context, args.N * chunks, [&](int64_t i) {
        const int64_t begin = i % chunks * chunk_elements;
        const int64_t end = std::min(args.M, begin + chunk_elements);
        const T* g = args.g + i / chunks * args.M;
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t m = begin; m < end; ++m) sum += g[m] * g[m];
        args.workspace[i] = sum;
    });
    T total = 0;
    for (int64_t n = 0; n < args.N; ++n) {
        T sum = 0;
        for (int64_t c = 0; c < chunks; ++c) sum += args.workspace[n * chunks + c];
        const T norm = std::sqrt(sum);
        args.norm[n] = norm;
        args.k[n] = norm > 0 ? T{2} / T(args.N) * (T{1} - T{1} / norm) : T{0};
        total += (norm - T{1}) * (norm - T{1});
    }
    *args.value = total / T(args.N);
}

#define SG_INSTANTIATE(T)                                              \
    template void interpolate(CpuContext&, const InterpolateArgs<T>&); \
    template void gradient_penalty(CpuContext&, const PenaltyArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(double)

}  // namespace sg
