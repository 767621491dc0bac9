#include "engine/stages.h"

#include <algorithm>
#include <chrono>

#include "kernels/common/error.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cuda/stamps.h"
#endif

namespace sg {

namespace {

thread_local StageTimer* listening = nullptr;

}  // namespace

/// When stages were entered: by the host's clock where kernels have ended when their call returns,
/// by the GPU's elsewhere.
class StageTimer::Clock {
  public:
    explicit Clock(Device& device) {
#ifdef SG_CUDA_ENABLED
        device.run([&](auto& context) {
            if constexpr (std::is_same_v<std::decay_t<decltype(context)>, CudaContext>)
                gpu_ = std::make_unique<CudaStamps>(context);
        });
#else
        (void)device;
#endif
    }
    void stamp() {
#ifdef SG_CUDA_ENABLED
        if (gpu_) return gpu_->add();
#endif
        host_.push_back(std::chrono::steady_clock::now());
    }
    std::vector<double> intervals() const {
#ifdef SG_CUDA_ENABLED
        if (gpu_) return gpu_->intervals();
#endif
        std::vector<double> all;
        for (size_t i = 1; i < host_.size(); ++i)
            all.push_back(
                std::chrono::duration<double, std::milli>(host_[i] - host_[i - 1]).count());
        return all;
    }

  private:
    std::vector<std::chrono::steady_clock::time_point> host_;
#ifdef SG_CUDA_ENABLED
    std::unique_ptr<CudaStamps> gpu_;
#endif
};

void at_stage(Device& device, const char* name) {
    if (listening && &listening->device_ == &device) listening->enter(name);
}

StageTimer::StageTimer(Device& device) : device_(device), clock_(std::make_unique<Clock>(device)) {
    require(!listening, "stages", "somebody is measuring them already");
    listening = this;
    enter("other");
}

StageTimer::~StageTimer() {
    if (listening == this) listening = nullptr;
}

void StageTimer::enter(const char* name) {
    names_.push_back(name);
    clock_->stamp();
}

std::vector<std::pair<std::string, double>> StageTimer::stop() {
    require(listening == this, "stages", "the timer has been stopped");
    clock_->stamp();
    listening = nullptr;
    device_.synchronize();
    const std::vector<double> times = clock_->intervals();
    std::vector<std::pair<std::string, double>> stages;
    for (size_t i = 0; i < names_.size(); ++i) {
        const auto same = [&](const auto& stage) { return stage.first == names_[i]; };
        auto found = std::ranges::find_if(stages, same);
        if (found == stages.end()) found = stages.insert(stages.end(), {names_[i], 0});
        found->second += times[i];
    }
    return stages;
}

}  // namespace sg
