#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/common/context.h"
#include "kernels/instance_norm/instance_norm.h"

// In which order the CPU's instance norm goes through a tensor [N, M, C].

namespace sg {

// Channels handled together: one 64-byte vector of f32.
inline constexpr int norm_slab = 16;
// Pixels handled together: what is summed in A, and reread while it is in the first-level cache.
inline constexpr int64_t norm_run = 64;

/// Calls body(n, begin, end) for channels begin to end of every image: all of them, or, so that
/// every thread has work, a share. No channel's result depends on how they are shared.
template <class Body>
void for_each_share(const CpuContext& context, const InstanceNormShape& shape, const Body& body) {
    constexpr int64_t tasks_of_thread = 4;
    const int64_t slabs = (shape.C + norm_slab - 1) / norm_slab;
    const int64_t wanted = (tasks_of_thread * context.threads() + shape.N - 1) / shape.N;
    const int64_t of_share = (slabs + std::min(wanted, slabs) - 1) / std::min(wanted, slabs);
    const int64_t shares = (slabs + of_share - 1) / of_share;
    parallel_for(context, shape.N * shares, [&](int64_t i) {
        const int64_t begin = i % shares * of_share * norm_slab;
        body(i / shares, begin, std::min(begin + of_share * norm_slab, shape.C));
    });
}

/// Calls body(first pixel, last pixel + 1, first channel, width) for runs of pixels, and in each
/// for its slabs of channels: memory is read in its order. `width` is a compile-time 16 except for
/// the last, partial slab, so that the inner loops become single vectors.
template <class Body>
void for_each_run(int64_t M, int64_t c_begin, int64_t c_end, const Body& body) {
    for (int64_t m = 0; m < M; m += norm_run)
        for (int64_t c = c_begin; c < c_end; c += norm_slab)
            if (c_end - c >= norm_slab)
                body(m, std::min(m + norm_run, M), c, std::integral_constant<int, norm_slab>{});
            else
                body(m, std::min(m + norm_run, M), c, int(c_end - c));
}

/// One value per channel of a slab.
template <class A>
struct Lanes {
    A v[norm_slab] = {};
    A& operator[](int j) { return v[j]; }
    const A& operator[](int j) const { return v[j]; }
};

}  // namespace sg
