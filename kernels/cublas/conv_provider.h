#pragma once

#include <memory>
#include <string>

#include "kernels/conv/choice/provider.h"

struct CUstream_st;

namespace sg {

class CudaContext;

/// cuBLAS for convolutions that are matrix products (gemm.h): "gemm". The library is opened at run
/// time. Bits repeat on the same GPU and version: one stream, one workspace of our own.
class CublasConvProvider : public ConvProvider {
  public:
    /// Runs on the context's stream. Throws Error if cuBLAS cannot be loaded or used.
    explicit CublasConvProvider(const CudaContext& context);

    /// Where cuBLAS is on this machine. Throws Error if it is not.
    static std::string library_path();

    const char* name() const override { return "cublas"; }
    std::string version() const override;  ///< "13.0.2"
    std::vector<std::string> candidates(const ConvCall& call) override;
    std::unique_ptr<ConvImplementation> build(const ConvCall& call,
                                              const std::string& candidate) override;

  private:
    std::shared_ptr<struct CublasHandle> handle_;
};

}  // namespace sg
