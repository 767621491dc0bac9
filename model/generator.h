#pragma once

#include "engine/ops.h"
#include "engine/parameters.h"
#include "model/config.h"

namespace sg {

/// A convolution of G and the instance normalisation behind it, with a ReLU. The last one, the
/// head, has tanh instead of both.
struct GeneratorLayer {
    enum class Kind {
        convolution,
        transposed,  ///< twice the size
        resized      ///< pixels doubled, then a convolution
    } kind = Kind::convolution;
    ConvOptions options = {};
    bool opens_block = false;   ///< its input skips a residual block
    bool closes_block = false;  ///< no ReLU; what skipped the block is added
    Tensor weight = {}, gamma = {}, beta = {};

    bool is_head() const { return !gamma; }
};

/// G (paper, table 4): image and target labels in, image out.
///   conv 7x7 - 2 x (conv 4x4 stride 2) - residual blocks - 2 x (transposed conv 4x4 stride 2)
///   - conv 7x7 - tanh, with instance normalisation and ReLU between; no convolution has a bias.
/// With Upsample::resize each transposed convolution is a doubling of pixels and a conv 3x3, under
/// the same name.
class Generator {
  public:
    Generator(Device& device, const ModelConfig& config, Precision precision,
              Moments moments = Moments::adam, Masters masters = Masters::whole);

    /// x [N,H,W,3] in [-1,1] and labels [N, label_dim], both master type -> [N,H,W,3], master type.
    Tensor forward(const Tensor& x, const Tensor& labels) const;

    /// In the order of the forward pass. Layer i's weight, gamma and beta are parameters 3i, 3i + 1
    /// and 3i + 2.
    const std::vector<GeneratorLayer>& layers() const { return layers_; }
    DType compute() const { return compute_; }

    Parameters& parameters() { return parameters_; }
    const Parameters& parameters() const { return parameters_; }

  private:
    DType compute_;
    Parameters parameters_;
    std::vector<GeneratorLayer> layers_;
};

}  // namespace sg
