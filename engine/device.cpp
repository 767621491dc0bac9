#include "engine/device.h"

#include <algorithm>
#include <cstring>

#include "kernels/common/error.h"
#include "kernels/conv/choice/dispatch.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/conv/choice/gpu_chooser.h"
#endif

namespace sg {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};

/// The contexts whose memory is the host's.
template <class Context>
concept OnHost = std::same_as<Context, CpuContext> || std::same_as<Context, SimContext>;

#ifdef SG_CUDA_ENABLED
class GpuBlocks : public BlockSource {
  public:
    explicit GpuBlocks(CudaContext& context) : context_(context) {}
    void* allocate(size_t bytes) override { return context_.allocate(bytes); }
    void release(void* block, size_t) noexcept override { context_.release(block); }

  private:
    CudaContext& context_;
};
#endif

}  // namespace

std::unique_ptr<Device> Device::cpu(int threads) {
    return std::unique_ptr<Device>(new Device("cpu", std::in_place_type<CpuContext>, threads));
}

std::unique_ptr<Device> Device::sim(const SimOptions& options) {
    return std::unique_ptr<Device>(new Device("sim", std::in_place_type<SimContext>, options));
}

#ifdef SG_CUDA_ENABLED
std::unique_ptr<Device> Device::cuda(int gpu) {
    return std::unique_ptr<Device>(new Device("cuda", std::in_place_type<CudaContext>, gpu));
}
std::string Device::cuda_unavailable() {
    return CudaContext::unavailable();
}
#else
std::unique_ptr<Device> Device::cuda(int) {
    throw Error("cuda", "no GPU can be used: " + cuda_unavailable(),
                "configure with -DSG_CUDA=ON (needs the CUDA Toolkit), or use --device cpu");
}
std::string Device::cuda_unavailable() {
    return "built without CUDA";
}
#endif

std::unique_ptr<Device> Device::planning(const DeviceProperties& properties) {
    const auto own = [properties](const ConvCall& call) {
        return sg::conv_workspace(properties, call);
    };
    return std::unique_ptr<Device>(new Device("planning", std::in_place_type<PlanningContext>,
                                              PlanningContext{properties, own, {}}));
}

std::unique_ptr<Device> Device::planning_for(Device& device) {
    const auto its = [&device](const ConvCall& call) { return device.conv_workspace(call); };
    return std::unique_ptr<Device>(new Device("planning", std::in_place_type<PlanningContext>,
                                              PlanningContext{device.properties(), its, {}}));
}

std::unique_ptr<BlockSource> Device::blocks() {
    if (only_plans()) return imaginary_blocks();
#ifdef SG_CUDA_ENABLED
    if (auto* gpu = std::get_if<CudaContext>(&context_)) return std::make_unique<GpuBlocks>(*gpu);
#endif
    return host_blocks();
}

int Device::threads() const {
    return std::visit(
        []<class Context>(const Context& context) {
            if constexpr (OnHost<Context>)
                return context.threads();
            else
                return 1;
        },
        context_);
}

DeviceProperties Device::properties() const {
    return std::visit(Overloaded{[](const CpuContext&) { return DeviceProperties{}; },
                                 [](const PlanningContext& plan) { return plan.properties; },
                                 [](const auto& context) { return context.properties(); }},
                      context_);
}

void Device::choose_convolutions([[maybe_unused]] const std::string& version,
                                 [[maybe_unused]] ConvChooser::Options options) {
#ifdef SG_CUDA_ENABLED
    if (auto* gpu = std::get_if<CudaContext>(&context_))
        gpu->set_conv_chooser(gpu_conv_chooser(*gpu, version, std::move(options)));
#endif
}

void Device::choose_for(const std::vector<ConvCall>& calls,
                        const std::function<void(size_t, size_t)>& progress) {
    const auto choose = [&](auto& context) {
        for (size_t done = 0; context.conv_chooser() && done < calls.size(); ++done) {
            const bool measured = context.conv_chooser()->choose(calls[done]);
            if (measured && progress) progress(done + 1, calls.size());
        }
    };
    std::visit(Overloaded{[](PlanningContext&) {}, [](CpuContext&) {}, choose}, context_);
}

int64_t Device::conv_workspace(const ConvCall& call, bool own) {
    if (own && !is_cpu()) return sg::conv_workspace(properties(), call);
    return std::visit(Overloaded{[](CpuContext&) { return int64_t{0}; },
                                 [&](PlanningContext& plan) {
                                     if (std::find(plan.calls.begin(), plan.calls.end(), call) ==
                                         plan.calls.end())
                                         plan.calls.push_back(call);
                                     return plan.workspace(call);
                                 },
                                 [&](auto& context) { return chosen_workspace(context, call); }},
                      context_);
}

const std::vector<ConvCall>& Device::planned_convolutions() const {
    return std::get<PlanningContext>(context_).calls;
}

Device::Memory Device::memory() const {
#ifdef SG_CUDA_ENABLED
    if (const auto* gpu = std::get_if<CudaContext>(&context_)) {
        const auto [free, total] = gpu->memory();
        return {free, total};
    }
#endif
    return {};
}

DeviceTrace* Device::tracing() {
    auto* sim = std::get_if<SimContext>(&context_);
    return sim && sim->options.trace ? &sim->trace : nullptr;
}

void* Device::allocate(size_t bytes) {
    void* memory = arena_.allocate(bytes);
    if (DeviceTrace* trace = tracing()) trace->allocate(memory, bytes);
    return memory;
}

void Device::release(void* memory) {
    if (streams_.hold) return streams_.held.push_back(memory);
    if (DeviceTrace* trace = tracing()) trace->release(memory);
    arena_.free(memory);
}

namespace {

ByteRanges range(const void* memory, size_t bytes) {
    ByteRanges ranges;
    const auto begin = reinterpret_cast<uintptr_t>(memory);
    ranges.add(begin, begin + bytes);
    return ranges;
}

}  // namespace

void Device::note_upload(const void* to, size_t bytes) {
    if (DeviceTrace* trace = tracing()) trace->work("upload", {}, range(to, bytes));
}

void Device::upload(void* to, const void* from, size_t bytes) {
    note_upload(to, bytes);
    std::visit(
        Overloaded{[](PlanningContext&) {}, [&](OnHost auto&) { std::memcpy(to, from, bytes); },
                   [&](auto& gpu) { gpu.upload(to, from, bytes); }},
        context_);
}

void Device::download(void* to, const void* from, size_t bytes) {
    ++downloads_;
    if (DeviceTrace* trace = tracing()) trace->work("download", range(from, bytes), {});
    std::visit(Overloaded{[&](PlanningContext&) { std::memset(to, 0, bytes); },
                          [&](OnHost auto&) { std::memcpy(to, from, bytes); },
                          [&](auto& gpu) { gpu.download(to, from, bytes); }},
               context_);
}

void Device::copy(void* to, const void* from, size_t bytes) {
    if (DeviceTrace* trace = tracing()) trace->work("copy", range(from, bytes), range(to, bytes));
    std::visit(
        Overloaded{[](PlanningContext&) {}, [&](OnHost auto&) { std::memcpy(to, from, bytes); },
                   [&](auto& gpu) { gpu.copy(to, from, bytes); }},
        context_);
}

void Device::zero(void* to, size_t bytes) {
    if (DeviceTrace* trace = tracing()) trace->work("zero", {}, range(to, bytes));
    std::visit(Overloaded{[](PlanningContext&) {}, [&](OnHost auto&) { std::memset(to, 0, bytes); },
                          [&](auto& gpu) { gpu.zero(to, bytes); }},
               context_);
}

void Device::run_as_graph([[maybe_unused]] const std::string& key,
                          const std::function<void()>& work) {
#ifdef SG_CUDA_ENABLED
    if (auto* gpu = std::get_if<CudaContext>(&context_)) return gpu->run_as_graph(key, work);
#endif
    work();
}

void Device::synchronize() {
    std::visit(Overloaded{[](PlanningContext&) {}, [](CpuContext&) {},
                          [](auto& context) { context.synchronize(); }},
               context_);
}

}  // namespace sg
