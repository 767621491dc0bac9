#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "engine/arena.h"
#include "kernels/common/context.h"
#include "kernels/sim/sim_context.h"

namespace sg {

class UploadBackend;

/// Where tensors live and kernels run. Must outlive its tensors. Used by one thread at a time.
class Device {
  public:
    /// The processor, with `threads` OpenMP threads (<= 0: all).
    static std::unique_ptr<Device> cpu(int threads = 0);
    /// The simulated device: the CUDA kernels, thread by thread (docs/sim.md). For tests: slow.
    static std::unique_ptr<Device> sim(const SimOptions& options = {});

    /// Calls body(context) with the context that this device's kernels take.
    template <class Body>
    decltype(auto) run(Body&& body) {
        return std::visit(std::forward<Body>(body), context_);
    }

    Arena& arena() { return arena_; }
    const std::string& name() const { return name_; }  ///< "cpu" or "sim"
    bool is_cpu() const { return std::holds_alternative<CpuContext>(context_); }
    int threads() const;  ///< of the processor, that kernels run on
    /// Whether kernels may still be running when their call has returned: then every download
    /// waits, and a training loop had better do without.
    bool runs_ahead() const { return false; }
    int64_t downloads() const { return downloads_; }  ///< so far

    /// All that the host does with the device's memory, in the order of kernels: a device whose
    /// memory is not the host's changes these (and where the arena takes its blocks from).
    void upload(void* to, const void* from, size_t bytes);
    void download(void* to, const void* from, size_t bytes);
    void copy(void* to, const void* from, size_t bytes);
    void zero(void* to, size_t bytes);
    /// What an UploadQueue (upload_queue.h) needs: `depth` buffers of `bytes`.
    std::unique_ptr<UploadBackend> make_uploads(size_t bytes, int depth);

  private:
    template <class Context, class... Arguments>
    Device(std::string name, std::in_place_type_t<Context> context, Arguments&&... arguments)
        : name_(std::move(name)), context_(context, std::forward<Arguments>(arguments)...) {}

    std::string name_;
    std::variant<CpuContext, SimContext> context_;
    Arena arena_;
    int64_t downloads_ = 0;
};

/// A piece of a device's memory, returned to its arena with the object.
class DeviceBytes {
  public:
    DeviceBytes(Device& device, size_t bytes)
        : device_(&device), data_(device.arena().allocate(bytes)) {}
    ~DeviceBytes() { device_->arena().free(data_); }
    DeviceBytes(const DeviceBytes&) = delete;
    DeviceBytes& operator=(const DeviceBytes&) = delete;

    Device& device() const { return *device_; }
    void* data() const { return data_; }

  private:
    Device* device_;
    void* data_;
};

/// What the processor calls itself, e.g. "Intel(R) Xeon(R) Processor".
std::string cpu_model_name();
/// The widest vector extension that convolutions will use, as oneDNN reports it.
std::string cpu_isa_name();
/// Whether bf16 convolution runs in hardware, or at all.
enum class Bf16Support { none, emulated, native };
Bf16Support cpu_bf16_support();

}  // namespace sg
