#include <utility>

#include "engine/device.h"
#include "kernels/common/error.h"

// Work on two streams. On a GPU kernels run long after their call: memory that one stream gives
// back may still be read or written on the other.

namespace sg {

namespace {

/// The two streams of a trace, which part here and meet again whatever happens.
class TracedFork {
  public:
    explicit TracedFork(DeviceTrace* trace) : trace_(trace) {
        if (!trace_) return;
        trace_->record_event(fork);
        trace_->use_stream(1);
        trace_->wait_event(fork);
    }
    ~TracedFork() {
        back();
        if (trace_) trace_->wait_event(join);
    }
    TracedFork(const TracedFork&) = delete;
    TracedFork& operator=(const TracedFork&) = delete;

    /// What follows is the first stream's work again.
    void back() {
        if (!trace_ || !std::exchange(aside_, false)) return;
        trace_->record_event(join);
        trace_->use_stream(0);
    }

  private:
    static constexpr int fork = 0, join = 1;
    DeviceTrace* trace_;
    bool aside_ = true;
};

}  // namespace

/// While it lives, nothing else can be beside, and with two streams released memory is kept.
class Device::Beside {
  public:
    explicit Beside(Device& device) : streams_(device.streams_), device_(device) {
        streams_.beside = true;
        streams_.hold = streams_.two;
    }
    ~Beside() {
        streams_.beside = streams_.hold = false;
        for (void* memory : std::exchange(streams_.held, {})) device_.release(memory);
    }
    Beside(const Beside&) = delete;
    Beside& operator=(const Beside&) = delete;

  private:
    DeviceStreams& streams_;
    Device& device_;
};

void Device::beside(const std::function<void()>& aside, const std::function<void()>& work) {
    require(!streams_.beside, "device", "work beside other work cannot have work beside it");
    const Beside meanwhile(*this);
#ifdef SG_CUDA_ENABLED
    auto* gpu = std::get_if<CudaContext>(&context_);
    if (gpu && streams_.two) return gpu->beside(aside, work);
#endif
    TracedFork fork(streams_.two ? tracing() : nullptr);
    aside();
    fork.back();
    work();
}

}  // namespace sg
