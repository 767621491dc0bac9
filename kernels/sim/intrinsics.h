#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/common/bf16.h"

// CUDA's arithmetic and bit intrinsics on the host.

namespace sg::sim {

// Arithmetic. The fast forms are as exact here as the plain ones: the GPU's are not (tolerances in
// tests allow for theirs).
inline float __expf(float x) {
    return std::exp(x);
}
inline float __logf(float x) {
    return std::log(x);
}
inline float __fdividef(float x, float y) {
    return x / y;
}
inline float __frcp_rn(float x) {
    return 1.0f / x;
}
inline float __fsqrt_rn(float x) {
    return std::sqrt(x);
}
inline float __fmaf_rn(float x, float y, float z) {
    return std::fma(x, y, z);
}
inline float rsqrtf(float x) {
    return 1.0f / std::sqrt(x);
}
inline float __saturatef(float x) {
    return x > 0 ? std::min(x, 1.0f) : 0.0f;
}
using ::expf, ::fabsf, ::fmaf, ::fmaxf, ::fminf, ::log1pf, ::logf, ::powf, ::sqrtf, ::tanhf;

// NVIDIA's name for bf16, and its arithmetic: in f32, rounded after each operation.
using __nv_bfloat16 = bf16;
inline float __bfloat162float(bf16 x) {
    return x;
}
inline bf16 __float2bfloat16(float x) {
    return x;
}
inline bf16 __float2bfloat16_rn(float x) {
    return x;
}
inline bf16 __hadd(bf16 a, bf16 b) {
    return float(a) + float(b);
}
inline bf16 __hsub(bf16 a, bf16 b) {
    return float(a) - float(b);
}
inline bf16 __hmul(bf16 a, bf16 b) {
    return float(a) * float(b);
}
inline bf16 __hfma(bf16 a, bf16 b, bf16 c) {
    return std::fma(float(a), float(b), float(c));
}

template <class T>
T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
    return a < b ? b : a;
}

inline int __popc(unsigned x) {
    return std::popcount(x);
}
inline int __clz(int x) {
    return std::countl_zero(unsigned(x));
}
inline int __ffs(int x) {
    return x ? std::countr_zero(unsigned(x)) + 1 : 0;
}
inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; ++bit) reversed |= (x >> bit & 1u) << (31 - bit);
    return reversed;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return unsigned(uint64_t{a} * b >> 32);
}
inline unsigned __float_as_uint(float x) {
    return std::bit_cast<unsigned>(x);
}
inline float __uint_as_float(unsigned x) {
    return std::bit_cast<float>(x);
}
inline int __float_as_int(float x) {
    return std::bit_cast<int>(x);
}
inline float __int_as_float(int x) {
    return std::bit_cast<float>(x);
}

}  // namespace sg::sim
