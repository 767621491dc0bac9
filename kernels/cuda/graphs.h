#pragma once

#include <functional>
#include <map>
#include <string>

#include <cuda_runtime.h>

namespace sg {

/// Work recorded as a CUDA graph and launched at once: the GPU goes from kernel to kernel without
/// waiting for the host, and the gap between two is shorter.
///
/// The work is recorded anew each time, which costs the host about as much as launching it would,
/// and the graph of the time before is brought up to date with it. So arguments may change from
/// time to time (learning rates, addresses, the row of a log), and nothing needs to live in device
/// memory for a graph's sake. If the kernels themselves change, a new graph is built.
class CudaGraphs {
  public:
    explicit CudaGraphs(cudaStream_t stream) : stream_(stream) {}
    ~CudaGraphs();
    CudaGraphs(const CudaGraphs&) = delete;
    CudaGraphs& operator=(const CudaGraphs&) = delete;

    /// Records what work() queues on the stream and launches it. `key` tells kinds of work apart,
    /// of which each has a graph of its own. work() may not wait for the GPU, nor upload or
    /// download; if it throws, nothing is launched. `last_kernel` is for errors.
    void run(const std::string& key, const std::function<void()>& work,
             const std::function<const char*()>& last_kernel);

    bool recording() const { return recording_; }
    bool failed_recording() const { return failed_; }  ///< whether work() of the last run threw

  private:
    cudaGraph_t record(const std::function<void()>& work, const char* last_kernel);

    cudaStream_t stream_;
    std::map<std::string, cudaGraphExec_t> graphs_;
    bool recording_ = false, failed_ = false;
};

}  // namespace sg
