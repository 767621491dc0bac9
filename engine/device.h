#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/arena.h"
#include "engine/device_streams.h"
#include "engine/planning_context.h"
#include "kernels/common/context.h"
#include "kernels/conv/choice/chooser.h"
#include "kernels/sim/sim_context.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cuda/cuda_context.h"
#endif

namespace sg {

class UploadBackend;

/// Where tensors live and kernels run. Must outlive its tensors. Used by one thread at a time.
class Device {
  public:
    /// The processor, with `threads` OpenMP threads (<= 0: all).
    static std::unique_ptr<Device> cpu(int threads = 0);
    /// The simulated device: the CUDA kernels, thread by thread (docs/sim.md). For tests: slow.
    static std::unique_ptr<Device> sim(const SimOptions& options = {});
    /// A GPU, by its number. Throws Error("cuda") if it cannot be used.
    static std::unique_ptr<Device> cuda(int gpu = 0);
    /// Why cuda() cannot even try: no driver, no GPU, or a build without CUDA; else empty.
    static std::string cuda_unavailable();
    /// A device for finding out what a computation will need (arena().peak_bytes()): its tensors
    /// have addresses but no memory, its kernels do nothing, downloads are zero. Workspaces are
    /// those of our own convolutions.
    static std::unique_ptr<Device> planning(const DeviceProperties& properties);
    /// The same for `device` (sim or cuda), with the workspaces of its chosen convolutions.
    static std::unique_ptr<Device> planning_for(Device& device);

    /// Calls body(context) with the context that kernels take here, unless the device only plans.
    template <class Body>
    void run(Body&& body) {
        std::visit(
            [&]<class Context>(Context& context) {
                if constexpr (!std::is_same_v<Context, PlanningContext>) body(context);
            },
            context_);
    }

    Arena& arena() { return arena_; }
    const std::string& name() const { return name_; }  ///< "cpu", "sim", "cuda", "planning"
    bool is_cpu() const { return std::holds_alternative<CpuContext>(context_); }
    bool only_plans() const { return std::holds_alternative<PlanningContext>(context_); }
    /// Whether kernels may still run when their call has returned: every download waits then.
    bool runs_ahead() const { return name_ == "cuda"; }
    int64_t downloads() const { return downloads_; }  ///< so far
    int threads() const;  ///< of the processor, that kernels run on; 1 if they do not
    DeviceProperties properties() const;  ///< what launchers see; of the processor, nothing

    /// From now on the options decide who computes each convolution (kernels/conv/choice); on a
    /// GPU only. `version` tells builds of our own kernels apart.
    void choose_convolutions(const std::string& version, ConvChooser::Options options);
    /// Measures for these calls, and no others, where nothing is remembered, which takes a while;
    /// progress(done, all) is told after each.
    void choose_for(const std::vector<ConvCall>& calls,
                    const std::function<void(size_t, size_t)>& progress = {});
    /// Floats of workspace that a convolution needs here: none on the CPU. With `own` our own
    /// kernel computes it whoever else could (an epilogue with mask or residual).
    int64_t conv_workspace(const ConvCall& call, bool own = false);
    /// The convolutions asked for so far on a device that plans.
    const std::vector<ConvCall>& planned_convolutions() const;

    struct Memory {
        size_t free = 0, total = 0;  ///< bytes
    };
    /// Of a GPU; zero for devices in the host's memory.
    Memory memory() const;
    /// Where the arena takes its memory, for what shall not lie in the arena.
    std::unique_ptr<BlockSource> blocks();

    void* allocate(size_t bytes);  ///< of the arena
    void release(void* memory);
    const DeviceTrace& trace() const { return std::get<SimContext>(context_).trace; }
    /// In the order of kernels. Host memory may be reused on return; download waits.
    void upload(void* to, const void* from, size_t bytes);
    void note_upload(const void* to, size_t bytes);  ///< for traces: the host wrote there itself
    void download(void* to, const void* from, size_t bytes);
    void copy(void* to, const void* from, size_t bytes);
    void zero(void* to, size_t bytes);
    void synchronize();  ///< waits for all kernels; throws Error if one failed
    /// Queues work(), on a GPU as one CUDA graph per key (kernels/cuda/graphs.h). No up- or
    /// downloads.
    void run_as_graph(const std::string& key, const std::function<void()>& work);
    /// Queues aside() and work(), which may not touch what the other writes: beside each other on
    /// two streams, else in turn; after all before, and before all later. Not nested.
    void beside(const std::function<void()>& aside, const std::function<void()>& work);
    /// For beside(); has no effect on the CPU.
    void use_two_streams(bool two) { streams_.two = two && !is_cpu(); }
    /// What an UploadQueue (upload_queue.h) needs: `depth` buffers of `bytes`.
    std::unique_ptr<UploadBackend> make_uploads(size_t bytes, int depth);

  private:
#ifdef SG_CUDA_ENABLED
    using Context = std::variant<PlanningContext, CpuContext, SimContext, CudaContext>;
#else
    using Context = std::variant<PlanningContext, CpuContext, SimContext>;
#endif
    template <class Kind, class... Arguments>
    Device(std::string name, std::in_place_type_t<Kind> kind, Arguments&&... arguments)
        : name_(std::move(name)),
          context_(kind, std::forward<Arguments>(arguments)...),
          arena_(Arena::default_block, blocks()) {}

    class Beside;
    DeviceTrace* tracing();  ///< null where no trace is kept
    std::string name_;
    Context context_;
    Arena arena_;
    int64_t downloads_ = 0;
    DeviceStreams streams_;
};

}  // namespace sg
