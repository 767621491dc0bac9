#include "kernels/cuda/facts.h"

#include <cuda_runtime.h>

#include "kernels/common/error.h"

namespace sg {

namespace {

std::string version(int number) {
    return number == 0 ? "" : fmt::format("{}.{}", number / 1000, number % 1000 / 10);
}

}  // namespace

CudaFacts cuda_facts(int device) {
    const auto attribute = [&](cudaDeviceAttr which) {
        int value = 0;
        return cudaDeviceGetAttribute(&value, which, device) == cudaSuccess ? value : 0;
    };
    int driver = 0, runtime = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
    if (cudaRuntimeGetVersion(&runtime) != cudaSuccess) runtime = 0;
    constexpr int khz = 1000;
    return {.driver = version(driver),
            .runtime = version(runtime),
            .clock_mhz = attribute(cudaDevAttrClockRate) / khz,
            .memory_clock_mhz = attribute(cudaDevAttrMemoryClockRate) / khz,
            .l2_bytes = size_t(attribute(cudaDevAttrL2CacheSize))};
}

}  // namespace sg
