#pragma once

#include <cstdlib>

#include "kernels/sim/sim_context.h"
#include "tests/host_memory.h"
#ifdef SG_CUDA_ENABLED
#include "tests/cuda_memory.h"
#endif

// One test body for every device: for_each_device([](auto& device) { ... }).
//   device.context           what kernels take
//   device.name              for INFO
//   device.input(values)     a copy of the values where kernels can read it
//   device.output<T>(count)  a poisoned, guarded output; .get() gives its values as f64
//   device.is_cpu            whether f64 and the CPU's options exist
// Half of the devices place everything so that no vector access is possible. Kernels on a GPU run
// when they like: get() waits for them.

namespace sg::testing {

/// Whether an absent GPU is a failure.
inline bool gpu_required() {
    const char* value = std::getenv("SG_REQUIRE_GPU");
    return value && std::string(value) == "1";
}

/// Calls body(device) for the GPU if there is one; says why not, and fails if one is required.
template <class Body>
void for_gpu([[maybe_unused]] const Body& body) {
#ifdef SG_CUDA_ENABLED
    const std::string reason = CudaContext::unavailable();
    if (reason.empty()) {
        for (const bool aligned : {true, false}) {
            CudaDevice device{CudaContext(), aligned ? "cuda" : "cuda, unaligned", aligned};
            INFO("device: " << device.name);
            body(device);
        }
        return;
    }
#else
    const std::string reason = "built without CUDA";
#endif
    if (gpu_required()) FAIL("SG_REQUIRE_GPU=1, but no GPU can be used: " << reason);
    static bool said = false;
    if (!said) WARN("not run on a GPU: " << reason);
    said = true;
}

/// Calls body(device) for the simulated device: as Hopper with threads in each order, and as
/// Ampere, whose launchers choose other kernels.
template <class Body>
void for_each_sim(const Body& body) {
    struct Case {
        const char* name;
        int architecture;
        ThreadOrder order;
        bool aligned;
    };
    for (const Case& c : {Case{"sim 90", 90, ThreadOrder::forward, true},
                          Case{"sim 90, backward, unaligned", 90, ThreadOrder::backward, false},
                          Case{"sim 80, shuffled", 80, ThreadOrder::shuffled, true}}) {
        SimOptions options;
        options.architecture = c.architecture;
        options.order = c.order;
        HostDevice<SimContext> device{SimContext(options), c.name, c.aligned};
        INFO("device: " << c.name);
        body(device);
    }
}

/// The simulated device and the GPU: what device code runs on.
template <class Body>
void for_each_accelerator(const Body& body) {
    for_each_sim(body);
    for_gpu(body);
}

template <class Body>
void for_each_device(const Body& body) {
    HostDevice<CpuContext> cpu{CpuContext(2), "cpu", false};
    {
        INFO("device: cpu");
        body(cpu);
    }
    for_each_accelerator(body);
}

/// Types that every device stores: f32 and bf16. T is the argument's type.
template <class Body>
void for_each_type(const Body& body) {
    {
        INFO("f32");
        body(float{});
    }
    INFO("bf16");
    body(bf16{});
}

}  // namespace sg::testing
