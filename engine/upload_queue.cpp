#include "engine/upload_queue.h"

#include "kernels/common/error.h"

namespace sg {

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
