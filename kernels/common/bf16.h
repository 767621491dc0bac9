#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/common/host_device.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#endif

namespace sg {

/// Brain float: the top half of an f32. Storage only; every computation converts to f32 first.
struct bf16 {
    uint16_t bits;

    bf16() = default;
    SG_HOST_DEVICE bf16(float value)  // NOLINT: implicit, kernels store f32 results as T
        : bits(round(value)) {}
    SG_HOST_DEVICE operator float() const {  // NOLINT: implicit
        return std::bit_cast<float>(uint32_t(bits) << 16);
    }

    /// Rounds to nearest, ties to even; NaN stays NaN.
    SG_HOST_DEVICE static uint16_t round(float value) {
#ifdef __CUDA_ARCH__
        return __bfloat16_as_ushort(__float2bfloat16_rn(value));  // one instruction
#else
        const uint32_t u = std::bit_cast<uint32_t>(value);
        const uint32_t rounded = (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16;
        const bool nan = (u & 0x7FFFFFFFu) > 0x7F800000u;
        return uint16_t(nan ? (u >> 16) | 0x40u : rounded);
#endif
    }
};
static_assert(sizeof(bf16) == 2);

/// to = value, rounded. Use it in hot loops: GCC vectorises the store of a member, but not the copy
/// of a bf16.
inline void store(bf16& to, float value) {
    to.bits = bf16::round(value);
}
inline void store(float& to, float value) {
    to = value;
}
inline void store(double& to, double value) {
    to = value;
}

/// Type in which sums over T are formed, and in which the parameters of a T network are kept.
template <class T>
struct Accumulate {
    using type = float;
};
template <>
struct Accumulate<double> {
    using type = double;
};
template <class T>
using acc_t = typename Accumulate<T>::type;

}  // namespace sg
