#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace sg {

class CudaContext;

/// Buffers on the GPU that are filled on a stream of their own, while kernels compute on the
/// context's. A slot goes round: host(), submit(), kernels that read it, release().
class CudaUploads {
  public:
    CudaUploads(CudaContext& context, size_t bytes, int slots);
    ~CudaUploads();

    /// Pinned memory to write to. Waits until the slot's last copy has left it.
    std::span<std::byte> host(int slot);
    /// Starts the copy once the kernels before the last release() are done with the device's
    /// memory; kernels launched from now on wait for it. Returns that memory.
    const void* submit(int slot);
    /// The kernels that read the slot have been launched.
    void release(int slot);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg
