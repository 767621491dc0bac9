#include "kernels/cuda/uploads.h"

#include "kernels/cuda/cuda_context.h"

namespace sg {

CudaUploads::CudaUploads(CudaContext& context, size_t bytes, int slots)
    : context_(context), bytes_(bytes) {
    slots_.reserve(size_t(slots));
    for (int i = 0; i < slots; ++i)
        slots_.push_back({PinnedMemory(bytes), nullptr, cuda::Event(), cuda::Event()});
    cuda::check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cuda");
    for (Slot& slot : slots_) slot.device = context.allocate(bytes);
}

CudaUploads::~CudaUploads() {
    cudaStreamSynchronize(stream_);
    for (const Slot& slot : slots_) context_.release(slot.device);
    cudaStreamDestroy(stream_);
}

std::span<std::byte> CudaUploads::host(int slot) {
    slots_[slot].copied.wait_on_host(context_.last_kernel());
    return {slots_[slot].host.data(), bytes_};
}

const void* CudaUploads::submit(int slot) {
    Slot& s = slots_[slot];
    s.read.wait_on(stream_);
    cuda::check(cudaMemcpyAsync(s.device, s.host.data(), bytes_, cudaMemcpyHostToDevice, stream_),
                "cuda", context_.last_kernel());
    s.copied.record(stream_);
    s.copied.wait_on(context_.stream());
    return s.device;
}

void CudaUploads::release(int slot) {
    slots_[slot].read.record(context_.stream());
}

}  // namespace sg
