#pragma once

#include "kernels/common/host_device.h"

namespace sg {

/// N values that one thread loads or stores by one instruction: 16 bytes are the most.
template <class T, int N>
struct alignas(sizeof(T) * N) Vec {
    static_assert(sizeof(T) * N <= 16);
    T v[N];

    SG_HOST_DEVICE T& operator[](int i) { return v[i]; }
    SG_HOST_DEVICE const T& operator[](int i) const { return v[i]; }
};

/// How many T make 16 bytes.
template <class T>
inline constexpr int vec_width = int(16 / sizeof(T));

}  // namespace sg
