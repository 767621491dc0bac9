#pragma once

#include "kernels/cuda/cuda_context.h"
#include "kernels/cuda/launch.h"
#include "tests/device/fake_cuda.h"
#include "tests/support.h"

// Kernels and data for tests on the CUDA runtime of tests/device/fake_cuda.h.

namespace sg::testing {

inline void first_kernel(int) {}
inline void second_kernel(int) {}

inline void launch_fake(CudaContext& context, void (*kernel)(int), const char* name) {
    name_fake_kernel(reinterpret_cast<const void*>(kernel), name);
    launch(context, {.kernel = name, .grid = 1, .block = 32}, kernel, 1);
}

inline std::vector<uint8_t> bytes_from(size_t count, int first) {
    std::vector<uint8_t> bytes(count);
    for (size_t i = 0; i < count; ++i) bytes[i] = uint8_t(first + i * 7 + (i >> 12));
    return bytes;
}

}  // namespace sg::testing
