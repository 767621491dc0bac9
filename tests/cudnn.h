#pragma once

#include <dlfcn.h>

#include <cstdlib>

#include "kernels/cudnn/target.h"
#include "tests/support.h"

namespace sg::testing {

/// GPUs that plans can be made for without having them.
inline constexpr int kDescribed[] = {80, 86, 89, 90, 100, 120};

/// Whether cuDNN can be used; says why not, and fails if SG_REQUIRE_CUDNN=1.
inline bool cudnn_usable() {
    const std::string reason = CudnnTarget::unavailable();
    if (reason.empty()) return true;
    const char* required = std::getenv("SG_REQUIRE_CUDNN");
    if (required && std::string(required) == "1") FAIL("SG_REQUIRE_CUDNN=1, but " << reason);
    WARN("not run with cuDNN: " << reason);
    return false;
}

/// As cudnn_usable, for kernels that cuDNN compiles. It loads what it compiled into the driver, and
/// a GPU's own driver takes nothing for other GPUs: this is for machines that have none.
inline bool cudnn_compiles() {
    if (!cudnn_usable()) return false;
    static void* const stub = [] {
        void* driver = dlopen("libcuda.so.1", RTLD_NOW);
        return driver ? nullptr
                      : dlopen(seen_from_program(SG_STUB_DRIVER).c_str(), RTLD_NOW | RTLD_GLOBAL);
    }();
    if (!stub) WARN("not run: this machine has a driver of its own");
    return stub;
}

}  // namespace sg::testing
