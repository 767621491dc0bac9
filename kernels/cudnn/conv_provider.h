#pragma once

#include <limits>

#include "kernels/conv/choice/provider.h"
#include "kernels/cudnn/target.h"

namespace sg {

/// cuDNN's convolutions. Candidates are its engines with their settings; the same call with the
/// same candidate gives the same bits in every run. Addresses of operands must be multiples of 16.
class CudnnConvProvider : public ConvProvider {
  public:
    /// Proposes at most `most` candidates for a call: all of them can be many, and some are
    /// compiled before they are proposed.
    explicit CudnnConvProvider(const CudnnTarget& target,
                               int64_t most = std::numeric_limits<int64_t>::max())
        : target_(target), most_(most) {}

    const char* name() const override { return "cudnn"; }
    std::string version() const override { return CudnnTarget::version(); }
    std::vector<std::string> candidates(const ConvCall& call) override;
    std::unique_ptr<ConvImplementation> build(const ConvCall& call,
                                              const std::string& candidate) override;

  private:
    CudnnTarget target_;
    int64_t most_;
};

}  // namespace sg
