#pragma once

#include <cuda_runtime.h>

#include "kernels/common/error.h"

namespace sg::cuda {

/// Whether no call of this process will succeed any more after this error.
bool is_sticky(cudaError_t status);

/// "an illegal memory access was encountered (cudaErrorIllegalAddress)".
std::string text_of(cudaError_t status);

/// What to do about an error that leaves the process unable to use the GPU; "" for others.
std::string advice(cudaError_t status);

/// Throws Error(operation), LostDevice if it is sticky, unless `status` is success. `last_kernel`
/// (may be null) is named with errors that some kernel caused.
void check(cudaError_t status, const char* operation, const char* last_kernel = nullptr);

/// Whether this build has code for the current GPU (a question to an empty kernel).
cudaError_t code_for_this_gpu();

/// A CUDA event, destroyed with the object.
class Event {
  public:
    /// Events that measure time are slower to wait for.
    explicit Event(bool timing = false);
    ~Event();
    Event(Event&& other) noexcept : id_(std::exchange(other.id_, nullptr)) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    cudaEvent_t get() const { return id_; }
    void record(cudaStream_t stream);
    void wait_on_host(const char* last_kernel = nullptr);
    /// Later work of `stream` waits for what was recorded.
    void wait_on(cudaStream_t stream);

  private:
    cudaEvent_t id_ = nullptr;
};

}  // namespace sg::cuda
