#pragma once

#include <functional>
#include <string>

#include "kernels/common/device_properties.h"

struct CUstream_st;

namespace sg {

/// One GPU and the stream on which kernels run, in the order of their launches. One context is used
/// by one thread at a time.
class CudaContext {
  public:
    /// Throws Error if the GPU cannot be used, with the reason.
    explicit CudaContext(int device = 0);
    ~CudaContext();
    CudaContext(const CudaContext&) = delete;
    CudaContext& operator=(const CudaContext&) = delete;

    /// Why no GPU can be used on this machine ("no driver", ...); empty if one can.
    static std::string unavailable();

    const DeviceProperties& properties() const { return properties_; }
    CUstream_st* stream() const { return stream_; }
    int device() const { return device_; }

    /// Waits for everything launched so far; throws Error if any of it failed.
    void synchronize();

    /// Time on the GPU of what work() launches, by events around it.
    double milliseconds(const std::function<void()>& work);

    /// Device memory, aligned to 256 bytes. Throws Error with what was asked for and what is free.
    void* allocate(size_t bytes);
    void release(void* memory) noexcept;
    /// Copies in the order of launches; the host's memory may be reused when they return.
    void upload(void* to, const void* from, size_t bytes);
    void download(void* to, const void* from, size_t bytes);

  private:
    DeviceProperties properties_;
    CUstream_st* stream_ = nullptr;
    int device_ = 0;
};

}  // namespace sg
