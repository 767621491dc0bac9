#pragma once

#include <string>

#include "engine/arena.h"
#include "kernels/common/context.h"

namespace sg {

/// Where tensors live and kernels run. Must outlive its tensors. Used by one thread at a time.
class Device {
  public:
    /// The processor, with `threads` OpenMP threads (<= 0: all).
    static std::unique_ptr<Device> cpu(int threads = 0);

    CpuContext& context() { return context_; }
    const CpuContext& context() const { return context_; }
    Arena& arena() { return arena_; }
    const std::string& name() const { return name_; }

  private:
    Device(std::string name, int threads) : name_(std::move(name)), context_(threads) {}

    std::string name_;
    CpuContext context_;
    Arena arena_;
};

/// What the processor calls itself, e.g. "Intel(R) Xeon(R) Processor".
std::string cpu_model_name();
/// The widest vector extension that convolutions will use, as oneDNN reports it.
std::string cpu_isa_name();
/// Whether bf16 convolution runs in hardware, or at all.
enum class Bf16Support { none, emulated, native };
Bf16Support cpu_bf16_support();

}  // namespace sg
