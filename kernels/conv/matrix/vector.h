#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#if defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

#include "kernels/common/bf16.h"
#include "kernels/conv/matrix/product.h"

// A register of floats, for loops whose lanes the compiler would not find by itself.

namespace sg {

typedef float Vector
    __attribute__((vector_size(vector_floats * sizeof(float)), aligned(4), may_alias));

inline Vector load(const float* from) {
    return *reinterpret_cast<const Vector*>(from);
}
inline Vector load(const bf16* from) {
    typedef uint16_t Halves __attribute__((vector_size(vector_floats * 2), aligned(2), may_alias));
    typedef uint32_t Words __attribute__((vector_size(vector_floats * 4)));
    const Words words = __builtin_convertvector(*reinterpret_cast<const Halves*>(from), Words)
                        << 16;
    Vector v;
    std::memcpy(&v, &words, sizeof v);
    return v;
}
/// A vector, or, unless `Whole`, the first `count` < vector_floats of one, the other lanes 0.
template <bool Whole, class T>
Vector load(const T* from, int64_t count) {
    if constexpr (Whole) return load(from);
    T values[vector_floats];
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    const auto lanes = uint16_t((1u << count) - 1);
    if constexpr (sizeof(T) == sizeof(float))
        return Vector(_mm512_maskz_loadu_ps(lanes, from));
    else
        _mm256_storeu_epi16(values, _mm256_maskz_loadu_epi16(lanes, from));
#else
    std::fill_n(values, vector_floats, T(0.0f));
    std::copy_n(from, count, values);
#endif
    return load(values);
}

inline void store_vector(float* to, const Vector& v) {
    *reinterpret_cast<Vector*>(to) = v;
}
inline void store_vector(bf16* to, const Vector& v) {
    float lanes[vector_floats];
    store_vector(lanes, v);
    for (int i = 0; i < vector_floats; ++i) store(to[i], lanes[i]);
}

/// Halves added to halves: the compiler may not choose an order.
inline float sum_of_lanes(Vector v) {
    typedef int32_t Lanes __attribute__((vector_size(vector_floats * sizeof(int32_t))));
#if defined(__AVX512F__)
    constexpr Lanes by8 = {8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7};
    constexpr Lanes by4 = {4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3};
    constexpr Lanes by2 = {2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1};
    constexpr Lanes by1 = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};
    v += __builtin_shuffle(v, by8);
#else
    constexpr Lanes by4 = {4, 5, 6, 7, 0, 1, 2, 3};
    constexpr Lanes by2 = {2, 3, 0, 1, 2, 3, 0, 1};
    constexpr Lanes by1 = {1, 0, 1, 0, 1, 0, 1, 0};
#endif
    v += __builtin_shuffle(v, by4);
    v += __builtin_shuffle(v, by2);
    v += __builtin_shuffle(v, by1);
    return v[0];
}

}  // namespace sg
