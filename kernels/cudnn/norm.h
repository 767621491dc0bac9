#pragma once

#include <memory>

#include "kernels/cudnn/target.h"
#include "kernels/instance_norm/instance_norm.h"

namespace sg {

/// cuDNN's instance normalisation with this project's meaning (kernels/instance_norm): something to
/// compare ours with.
class CudnnInstanceNorm {
  public:
    enum class Pass { forward, forward_relu, backward };  ///< backward of `forward`
    enum class Type { f32, bf16 };                        ///< of x, y and their gradients

    /// In device memory; a pass uses what instance_norm.h says it does.
    struct Operands {
        const void *x = nullptr, *grad_y = nullptr;
        const float *gamma = nullptr, *beta = nullptr;  ///< [C]
        float *mean = nullptr, *rstd = nullptr;         ///< [N, C]
        void *y = nullptr, *grad_x = nullptr;
        float *grad_gamma = nullptr, *grad_beta = nullptr;  ///< [C]
    };

    /// Throws Error if cuDNN has nothing for it.
    CudnnInstanceNorm(const CudnnTarget& target, Pass pass, const InstanceNormShape& shape,
                      Type type);
    ~CudnnInstanceNorm();

    int64_t workspace_bytes() const;
    /// Queues it on the target's stream.
    void run(const Operands& operands, void* workspace) const;
    std::string engine() const;  ///< that computes it

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg
