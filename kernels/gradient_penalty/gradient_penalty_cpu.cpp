#include <cmath>

#include "kernels/common/lanes.h"
#include "kernels/common/piece.h"
#include "kernels/gradient_penalty/gradient_penalty.h"

namespace sg {

template <class T>
void interpolate(CpuContext& context, const InterpolateArgs<T>& args) {
    using A = acc_t<T>;
    parallel_for(context, args.N, [&](int64_t n) {
        const A a = args.alpha[n];
#pragma omp simd
        for (int64_t i = n * args.M; i < (n + 1) * args.M; ++i)
            store(args.x_hat[i], a * A(args.real[i]) + (A{1} - a) * A(args.fake[i]));
    });
}

int64_t penalty_workspace(int64_t N, int64_t M) {
    static_assert(device_piece <= chunk_elements);
    return N * pieces_of(M, device_piece);
}

template <class T>
void gradient_penalty(CpuContext& context, const PenaltyArgs<T>& args) {
    const int64_t chunks = pieces_of(args.M, chunk_elements);
    parallel_for(context, args.N * chunks, [&](int64_t i) {
        const int64_t begin = i % chunks * chunk_elements;
        const int64_t end = std::min(args.M, begin + chunk_elements);
        const T* g = args.g + i / chunks * args.M;
        args.workspace[i] = sum_in_lanes<T>(begin, end, [g](int64_t m) { return g[m] * g[m]; });
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

template <class T>
void leaky_mask(CpuContext& context, const LeakyMaskArgs<T>& args) {
    using A = acc_t<T>;
    const int64_t chunks = pieces_of(args.M, chunk_elements);
    const A slope = A(args.slope);
    parallel_for(context, args.N * chunks, [&](int64_t i) {
        const int64_t n = i / chunks, begin = n * args.M + i % chunks * chunk_elements;
        const int64_t end = std::min((n + 1) * args.M, begin + chunk_elements);
        const A scale = args.scale ? args.scale[n] : A{1};
        const T *x = args.x, *a = args.a;
        T* y = args.y;
#pragma omp simd
        for (int64_t m = begin; m < end; ++m)
            store(y[m], (A(a[m]) > 0 ? A{1} : slope) * A(x[m]) * scale);
    });
}

template <class T>
void patch_seeds(CpuContext&, const PatchSeedsArgs<T>& args) {
    const int64_t size = args.B * args.M;  // a few hundred elements: one thread
    const T mean = T(acc_t<T>(1.0 / double(size)));
    std::fill_n(args.seeds, size, T(-acc_t<T>(mean)));
    std::fill_n(args.seeds + size, size, mean);
    std::fill_n(args.seeds + 2 * size, size, T(acc_t<T>(1)));
}

#define SG_INSTANTIATE(T)                                              \
    template void interpolate(CpuContext&, const InterpolateArgs<T>&); \
    template void leaky_mask(CpuContext&, const LeakyMaskArgs<T>&);    \
    template void patch_seeds(CpuContext&, const PatchSeedsArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
SG_INSTANTIATE(double)

template void gradient_penalty(CpuContext&, const PenaltyArgs<float>&);
template void gradient_penalty(CpuContext&, const PenaltyArgs<double>&);

}  // namespace sg
