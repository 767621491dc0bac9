#include "engine/upload_queue.h"

#include <vector>

#include "engine/device_bytes.h"
#include "kernels/common/error.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cuda/uploads.h"
#endif

namespace sg {

namespace {

/// Where kernels read the host's memory and have ended when their call returns: nothing is copied,
/// and there is nothing to wait for.
class HostUploads : public UploadBackend {
  public:
    HostUploads(Device& device, size_t bytes, int depth) : device_(device), bytes_(bytes) {
        for (int i = 0; i < depth; ++i)
            slots_.push_back(std::make_unique<DeviceBytes>(device, bytes));
    }
    std::span<std::byte> host(int slot) override {
        return {static_cast<std::byte*>(slots_[slot]->data()), bytes_};
    }
    const void* submit(int slot) override {
        device_.note_upload(slots_[slot]->data(), bytes_);
        return slots_[slot]->data();
    }
    void release(int) override {}

  private:
    Device& device_;
    size_t bytes_;
    std::vector<std::unique_ptr<DeviceBytes>> slots_;
};

#ifdef SG_CUDA_ENABLED
class GpuUploads : public UploadBackend {
  public:
    GpuUploads(CudaContext& context, size_t bytes, int depth) : uploads_(context, bytes, depth) {}
    std::span<std::byte> host(int slot) override { return uploads_.host(slot); }
    const void* submit(int slot) override { return uploads_.submit(slot); }
    void release(int slot) override { uploads_.release(slot); }

  private:
    CudaUploads uploads_;
};
#endif

}  // namespace

std::unique_ptr<UploadBackend> Device::make_uploads(size_t bytes, int depth) {
#ifdef SG_CUDA_ENABLED
    if (auto* gpu = std::get_if<CudaContext>(&context_))
        return std::make_unique<GpuUploads>(*gpu, bytes, depth);
#endif
    return std::make_unique<HostUploads>(*this, bytes, depth);
}

UploadQueue::UploadQueue(Device& device, size_t bytes, int depth)
    : backend_(device.make_uploads(bytes, depth)), depth_(depth) {
    require(depth > 0, "upload", "a queue of {} buffers", depth);
}

std::span<std::byte> UploadQueue::host() {
    require(state_ != State::submitted, "upload", "the upload before has not been released");
    state_ = State::filling;
    return backend_->host(slot_);
}

const void* UploadQueue::submit() {
    require(state_ == State::filling, "upload", "submitted without data from host()");
    state_ = State::submitted;
    return backend_->submit(slot_);
}

void UploadQueue::release() {
    require(state_ == State::submitted, "upload", "released without submit()");
    state_ = State::empty;
    backend_->release(slot_);
    slot_ = (slot_ + 1) % depth_;
}

}  // namespace sg
