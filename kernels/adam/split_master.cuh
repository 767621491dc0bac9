#pragma once

#include "kernels/adam/split_master.h"
#include "kernels/common/elementwise.cuh"

namespace sg {

/// Split parameters as kernels read and write them: N from element i on.
struct SplitMaster {
    Global<bf16> high;
    Global<int16_t> low;

    template <int N>
    __device__ Vec<float, N> get(int64_t i) const {
        const Vec<bf16, N> h = load<N>(high + i);
        const Vec<int16_t, N> l = load<N>(low + i);
        Vec<float, N> values;
#pragma unroll
        for (int k = 0; k < N; ++k) values[k] = join_f32(h[k], l[k]);
        return values;
    }
    template <int N>
    __device__ void put(int64_t i, const Vec<float, N>& values) const {
        Vec<bf16, N> h;
        Vec<int16_t, N> l;
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const SplitF32 halves = split_f32(values[k]);
            h[k] = halves.high;
            l[k] = halves.low;
        }
        store(high + i, h);
        store(low + i, l);
    }
};

}  // namespace sg
