#pragma once

#include <cstdint>

namespace sg {

/// Sum of term(begin) ... term(end - 1) on the CPU, in 16 interleaved partial sums that are added
/// in a fixed tree: the order depends on the number of terms alone, not on the width of the
/// processor's vectors. GCC keeps the partial sums in vector registers; `omp simd reduction`, which
/// says the same, it often leaves a chain of single additions.
template <class A, class Term>
inline A sum_in_lanes(int64_t begin, int64_t end, Term term) {
    constexpr int lanes = 16;
    A partial[lanes] = {};
    int64_t i = begin;
    for (; i + lanes <= end; i += lanes)
        for (int lane = 0; lane < lanes; ++lane) partial[lane] += term(i + lane);
    for (; i < end; ++i) partial[0] += term(i);
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) partial[lane] += partial[lane + half];
    return partial[0];
}

}  // namespace sg
