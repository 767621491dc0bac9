#pragma once

#include <cstddef>
#include <vector>

#include "kernels/cuda/check.h"

namespace sg {

/// Pinned host memory, freed with the object. Only from such memory are copies to the GPU
/// asynchronous.
class PinnedMemory {
  public:
    explicit PinnedMemory(size_t bytes);
    ~PinnedMemory();
    PinnedMemory(PinnedMemory&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    PinnedMemory(const PinnedMemory&) = delete;
    PinnedMemory& operator=(const PinnedMemory&) = delete;
    std::byte* data() const { return data_; }

  private:
    std::byte* data_ = nullptr;
};

/// Copies from any host memory without waiting for the GPU: through a few pinned buffers in turn,
/// each used again once its copy is done.
class StagingRing {
  public:
    StagingRing();
    void upload(void* to, const void* from, size_t bytes, cudaStream_t stream,
                const char* last_kernel);

  private:
    struct Slot {
        PinnedMemory memory;
        cuda::Event done;
        bool used = false;
    };
    // Large enough for the copy to reach the bus's rate, small enough not to matter.
    static constexpr size_t slot_bytes = size_t{1} << 20;
    static constexpr int slot_count = 8;
    std::vector<Slot> slots_;
    size_t next_ = 0;
};

}  // namespace sg
