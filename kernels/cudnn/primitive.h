#pragma once

#include <memory>
#include <string>

#include "kernels/common/library_call.h"
#include "kernels/cudnn/target.h"

namespace sg {

/// cuDNN's way to one operation beside convolution and normalisation, to compare ours with.
class CudnnPrimitive {
  public:
    /// Throws Error if cuDNN has nothing for it. It is not asked to upsample.
    CudnnPrimitive(const CudnnTarget& target, const LibraryCall& call);
    ~CudnnPrimitive();

    int64_t workspace_bytes() const;
    /// Queues it on the target's stream. Addresses of operands must be multiples of 16.
    void run(const LibraryOperands& operands, void* workspace) const;
    std::string engine() const;  ///< that computes it

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg
