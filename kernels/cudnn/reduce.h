#pragma once

#include <memory>

#include "kernels/cudnn/target.h"

namespace sg {

/// cuDNN's sums[n] = sum_i x[n, i]^2 of f32 samples: what the gradient penalty starts with, to
/// compare ours with. (The graph interface refuses the reduction that takes the root as well.)
class CudnnSquaredNorms {
  public:
    /// x is [N, size]. Throws Error if cuDNN has nothing for it.
    CudnnSquaredNorms(const CudnnTarget& target, int64_t N, int64_t size);
    ~CudnnSquaredNorms();

    int64_t workspace_bytes() const;
    /// Queues it on the target's stream. sums is [N].
    void run(const float* x, float* sums, void* workspace) const;
    std::string engine() const;  ///< that computes it

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg
