#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/conv/conv_call.h"

namespace sg {

/// One way to compute one convolution on one device.
class ConvImplementation {
  public:
    virtual ~ConvImplementation() = default;
    virtual int64_t workspace_bytes() const = 0;
    /// Queues the computation on the provider's stream. `workspace` is aligned to 256 bytes and may
    /// be null if none is needed. Nothing is allocated, nothing waited for.
    virtual void run(const ConvOperands& operands, void* workspace) = 0;
};

/// Somebody who computes convolutions: our own kernels, cuDNN, cuBLAS.
class ConvProvider {
  public:
    virtual ~ConvProvider() = default;
    virtual const char* name() const = 0;  ///< "own", "cudnn", "cublas"
    /// What a remembered choice depends on besides the call and the GPU, e.g. "9.19.0".
    virtual std::string version() const = 0;
    /// The ways to compute `call`, best guess first: names that mean the same in every process of
    /// this version. Empty if there is none.
    virtual std::vector<std::string> candidates(const ConvCall& call) = 0;
    /// Throws Error if the candidate turns out not to work.
    virtual std::unique_ptr<ConvImplementation> build(const ConvCall& call,
                                                      const std::string& candidate) = 0;
};

}  // namespace sg
