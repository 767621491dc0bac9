#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernels/common/device_properties.h"

struct CUstream_st;

namespace sg {

class ConvChooser;
class CudaGraphs;
class StagingRing;

/// One GPU and the stream on which kernels run, in the order of their launches. One context is used
/// by one thread at a time.
///
/// Everything here that takes a stream's place in a kernel's sequence returns before it is done,
/// unless it says otherwise. An error of a kernel is therefore met by a later call: it names the
/// kernel that was launched (or recorded) last, which may not be the culprit
/// (CUDA_LAUNCH_BLOCKING=1 and no graphs make it so).
class CudaContext {
  public:
    /// Throws Error if the GPU cannot be used, with the reason.
    explicit CudaContext(int device = 0);
    ~CudaContext();
    CudaContext(const CudaContext&) = delete;
    CudaContext& operator=(const CudaContext&) = delete;

    /// Why no GPU can be used on this machine ("no driver", ...); empty if one can.
    static std::string unavailable();

    const DeviceProperties& properties() const { return properties_; }
    /// Libraries ask for it before each call: beside() changes it.
    CUstream_st* stream() const { return stream_; }
    int device() const { return device_; }

    /// Who computes the convolutions that the choice is open for; null: our own kernels.
    ConvChooser* conv_chooser() const { return conv_chooser_.get(); }
    void set_conv_chooser(std::shared_ptr<ConvChooser> chooser) { conv_chooser_ = chooser; }

    /// Waits for everything launched so far; throws Error if any of it failed.
    void synchronize();

    /// Time on the GPU of what work() launches, by events around it. Waits.
    double milliseconds(const std::function<void()>& work);

    struct Memory {
        size_t free, total;  ///< bytes
    };
    Memory memory() const;
    /// Device memory, aligned to 256 bytes. Throws Error with what was asked for and what is free.
    void* allocate(size_t bytes);
    void release(void* memory) noexcept;  ///< waits for the GPU; not while work is recorded
    /// The host's memory may be reused on return: it was copied to pinned memory, from where it
    /// goes on by itself.
    void upload(void* to, const void* from, size_t bytes);
    void download(void* to, const void* from, size_t bytes);  ///< waits
    void copy(void* to, const void* from, size_t bytes);
    void zero(void* to, size_t bytes);

    /// Queues what work() queues as one CUDA graph (graphs.h).
    void run_as_graph(const std::string& key, const std::function<void()>& work);

    /// Queues what aside() queues on a second stream and what work() queues on this one: both
    /// after all before, and all later after both. Inside, stream() is the one in use.
    void beside(const std::function<void()>& aside, const std::function<void()>& work);

    /// For errors: what was launched last.
    void note_launch(const char* kernel) { last_kernel_ = kernel; }
    const char* last_kernel() const { return last_kernel_; }

  private:
    DeviceProperties properties_;
    CUstream_st* stream_ = nullptr;
    struct Side;
    std::unique_ptr<Side> side_;
    int device_ = 0;
    const char* last_kernel_ = "none";
    std::unique_ptr<StagingRing> staging_;
    std::unique_ptr<CudaGraphs> graphs_;
    std::shared_ptr<ConvChooser> conv_chooser_;
};

}  // namespace sg
