#include "kernels/cuda/stamps.h"

#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_context.h"

namespace sg {

struct CudaStamps::Impl {
    CudaContext& context;
    mutable std::vector<cuda::Event> events = {};
};

CudaStamps::CudaStamps(CudaContext& context) : impl_(new Impl{context}) {}

CudaStamps::~CudaStamps() = default;

void CudaStamps::add() {
    impl_->events.emplace_back(true).record(impl_->context.stream());
}

std::vector<double> CudaStamps::intervals() const {
    auto& events = impl_->events;
    if (events.empty()) return {};
    events.back().wait_on_host(impl_->context.last_kernel());
    std::vector<double> all;
    for (size_t i = 1; i < events.size(); ++i) {
        float elapsed = 0;
        cuda::check(cudaEventElapsedTime(&elapsed, events[i - 1].get(), events[i].get()), "cuda");
        all.push_back(elapsed);
    }
    return all;
}

}  // namespace sg
