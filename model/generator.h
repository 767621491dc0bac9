#pragma once

#include "engine/ops.h"
#include "engine/parameters.h"
#include "model/config.h"

namespace sg {

/// G (paper, table 4): image and target labels in, image out.
///   conv 7x7 - 2 x (conv 4x4 stride 2) - residual blocks - 2 x (transposed conv 4x4 stride 2)
///   - conv 7x7 - tanh, with instance normalisation and ReLU between; no convolution has a bias.
/// With Upsample::resize each transposed convolution is a doubling of pixels and a conv 3x3, under
/// the same name.
class Generator {
  public:
    Generator(Device& device, const ModelConfig& config, Precision precision,
              Moments moments = Moments::adam);

    /// x [N,H,W,3] in [-1,1] and labels [N, label_dim], both master type -> [N,H,W,3], master type.
    Tensor forward(const Tensor& x, const Tensor& labels) const;

    Parameters& parameters() { return parameters_; }
    const Parameters& parameters() const { return parameters_; }

  private:
    const Tensor& weight(int layer) const;
    Tensor up(const Tensor& x, int layer) const;
    Tensor norm(const Tensor& x, const std::string& prefix, const InstanceNormOptions& o) const;

    ModelConfig config_;
    DType compute_;
    ConvMath math_;
    Parameters parameters_;
};

}  // namespace sg
