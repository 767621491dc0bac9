#pragma once

#include "kernels/conv/choice/provider.h"
#include "kernels/cudnn/target.h"

namespace sg {

/// cuDNN's convolutions. Candidates are its engines with their settings; the same call with the
/// same candidate gives the same bits in every run. Addresses of operands must be multiples of 16.
class CudnnConvProvider : public ConvProvider {
  public:
    explicit CudnnConvProvider(const CudnnTarget& target) : target_(target) {}

    const char* name() const override { return "cudnn"; }
    std::string version() const override { return CudnnTarget::version(); }
    std::vector<std::string> candidates(const ConvCall& call) override;
    std::unique_ptr<ConvImplementation> build(const ConvCall& call,
                                              const std::string& candidate) override;

  private:
    CudnnTarget target_;
};

}  // namespace sg
