#pragma once

#include "kernels/cuda/check.h"

#include <string>
#include <vector>

namespace sg::testing {

/// The CUDA runtime as far as CudaContext uses it, in the host's memory, for machines without a
/// GPU: work waits in its stream until something waits for it, as late as CUDA may do it, and
/// errors come where the test wants them.
struct FakeCuda {
    // the machine
    cudaError_t device_count_status = cudaSuccess;
    int driver_version = 13000, devices = 1, major = 9, minor = 0;
    size_t total_memory = size_t{1} << 30;
    bool pinned_memory_refused = false;
    cudaError_t code_status =
        cudaSuccess;  ///< cudaErrorNoKernelImageForDevice: another GPU's build
    /// The kernel that fails, and with what: every call after its execution reports it.
    std::string failing_kernel = {};
    cudaError_t kernel_error = cudaErrorIllegalAddress;
    /// What the next launch answers, once; cudaSuccess: nothing special.
    cudaError_t refuse_launch = cudaSuccess;
    cudaError_t refuse_graph = cudaSuccess;  ///< what making a graph of recorded work answers

    // what happened
    std::vector<std::string> executed = {};  ///< kernels, copies and fills in their order
    int live_allocations = 0, live_pinned = 0, live_events = 0, live_streams = 0;
    int live_graphs = 0, graph_launches = 0, graph_updates = 0;
    size_t used_memory = 0;
};

/// The machine that the runtime's functions see from now on.
void set_fake_cuda(FakeCuda& fake);
/// Names what a launch with this kernel's address is.
void name_fake_kernel(const void* kernel, std::string name);

}  // namespace sg::testing
