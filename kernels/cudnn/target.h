#pragma once

#include <memory>
#include <string>

struct cudnnContext;

namespace sg {

class CudaContext;

namespace cudnn {
class Descriptor;
}

/// The GPU that cuDNN's plans are made for: one that runs them, or a description of one, for which
/// plans can only be made. Copies share the same one.
class CudnnTarget {
  public:
    /// The context's GPU; plans run on its stream, and not without it. Throws Error if cuDNN cannot
    /// be loaded or used.
    explicit CudnnTarget(const CudaContext& context);
    /// A typical GPU of compute capability 8.0, 8.6, 8.9, 9.0, 10.0 or 12.0 (80, ...); throws Error
    /// for another. Needs neither GPU nor driver.
    static CudnnTarget described(int architecture);

    /// Why cuDNN cannot be used on this machine; empty if it can.
    static std::string unavailable();
    static std::string version();  ///< "9.19.0"; throws Error if unavailable
    static std::string path();     ///< of the library; throws Error if unavailable

    /// For calls on the stream that the context uses now. Throws Error for a described GPU.
    cudnnContext* handle() const;
    bool is_described() const { return description_ != nullptr; }

    /// Says in a descriptor for whom it is; attributes are cuDNN's (cudnnBackendAttributeName_t).
    /// 0: the descriptor has no such attribute.
    void set_in(cudnn::Descriptor& descriptor, int handle_attribute, int device_attribute) const;

  private:
    CudnnTarget() = default;

    const CudaContext* context_ = nullptr;
    std::shared_ptr<cudnnContext> handle_;
    std::shared_ptr<const cudnn::Descriptor> description_;
};

}  // namespace sg
