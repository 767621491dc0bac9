#include "kernels/cuda/uploads.h"

#include <vector>

#include "kernels/cuda/cuda_context.h"
#include "kernels/cuda/staging.h"

namespace sg {

struct CudaUploads::Impl {
    struct Slot {
        explicit Slot(size_t bytes) : host(bytes) {}
        PinnedMemory host;
        void* device = nullptr;
        // An event that was never recorded does not keep anybody waiting.
        cuda::Event copied, read;
    };

    Impl(CudaContext& context, size_t bytes, int count) : context(context), bytes(bytes) {
        for (int i = 0; i < count; ++i) slots.emplace_back(bytes);
        cuda::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cuda");
    }
    ~Impl() {
        cudaStreamSynchronize(stream);
        for (const Slot& slot : slots)
            if (slot.device) context.release(slot.device);
        cudaStreamDestroy(stream);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    CudaContext& context;
    size_t bytes;
    cudaStream_t stream = nullptr;
    std::vector<Slot> slots;
};

CudaUploads::CudaUploads(CudaContext& context, size_t bytes, int slots)
    : impl_(std::make_unique<Impl>(context, bytes, slots)) {
    for (auto& slot : impl_->slots) slot.device = context.allocate(bytes);
}
CudaUploads::~CudaUploads() = default;

std::span<std::byte> CudaUploads::host(int slot) {
    auto& s = impl_->slots[size_t(slot)];
    s.copied.wait_on_host(impl_->context.last_kernel());
    return {s.host.data(), impl_->bytes};
}

const void* CudaUploads::submit(int slot) {
    auto& s = impl_->slots[size_t(slot)];
    s.read.wait_on(impl_->stream);
    cuda::check(cudaMemcpyAsync(s.device, s.host.data(), impl_->bytes, cudaMemcpyHostToDevice,
                                impl_->stream),
                "cuda", impl_->context.last_kernel());
    s.copied.record(impl_->stream);
    s.copied.wait_on(impl_->context.stream());
    return s.device;
}

void CudaUploads::release(int slot) {
    impl_->slots[size_t(slot)].read.record(impl_->context.stream());
}

}  // namespace sg
