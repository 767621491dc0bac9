#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "engine/device.h"

namespace sg {

/// What a device does for an UploadQueue: slots, each a buffer of the host's and the device memory
/// that it is copied to, which may be the same. Comes from Device::make_uploads.
class UploadBackend {
  public:
    virtual ~UploadBackend() = default;
    virtual std::span<std::byte> host(int slot) = 0;  ///< waits until it may be overwritten
    virtual const void* submit(int slot) = 0;         ///< starts the copy, before later kernels
    virtual void release(int slot) = 0;  ///< the last kernel that reads it has been launched
};

/// Data on its way to a device while kernels work on what came before. Every upload takes the next
/// of `depth` buffers, in three calls:
///   write to host();   kernels read what submit() returned;   release()
class UploadQueue {
  public:
    /// Uploads of `bytes` each.
    UploadQueue(Device& device, size_t bytes, int depth = 2);

    /// Where the next upload's data goes. Waits until that buffer is free.
    std::span<std::byte> host();
    /// Starts the copy: kernels launched from now on may read the device memory that it returns.
    const void* submit();
    /// Kernels launched so far were the last to read it.
    void release();

  private:
    std::unique_ptr<UploadBackend> backend_;
    int depth_, slot_ = 0;
    enum class State { empty, filling, submitted } state_ = State::empty;
};

}  // namespace sg
