#include "kernels/cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace sg {

PinnedMemory::PinnedMemory(size_t bytes) {
    void* memory = nullptr;
    const cudaError_t status = cudaMallocHost(&memory, std::max<size_t>(bytes, 1));
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        throw Error("cuda", fmt::format("{} MiB of pinned host memory were refused", bytes >> 20),
                    "ulimit -l and the free memory of the machine limit it");
    }
    cuda::check(status, "cuda");
    data_ = static_cast<std::byte*>(memory);
}
PinnedMemory::~PinnedMemory() {
    if (data_) cudaFreeHost(data_);
}

StagingRing::StagingRing() {
    for (int i = 0; i < slot_count; ++i)
        slots_.push_back({PinnedMemory(slot_bytes), cuda::Event()});
}

void StagingRing::upload(void* to, const void* from, size_t bytes, cudaStream_t stream,
                         const char* last_kernel) {
    for (size_t at = 0; at < bytes; at += slot_bytes) {
        const size_t part = std::min(slot_bytes, bytes - at);
        Slot& slot = slots_[next_++ % slots_.size()];
        if (slot.used) slot.done.wait_on_host(last_kernel);
        std::memcpy(slot.memory.data(), static_cast<const std::byte*>(from) + at, part);
        cuda::check(cudaMemcpyAsync(static_cast<std::byte*>(to) + at, slot.memory.data(), part,
                                    cudaMemcpyHostToDevice, stream),
                    "cuda", last_kernel);
        slot.done.record(stream);
        slot.used = true;
    }
}

}  // namespace sg
