#pragma once

#include "engine/ops.h"
#include "engine/parameters.h"
#include "model/config.h"

namespace sg {

/// D (paper, table 5): d_repeat_num x (conv 4x4 stride 2 + bias + LeakyReLU 0.01), then two heads
/// without bias: a 3x3 convolution to a map of patch scores, and a convolution over the whole map
/// to the class logits. No normalisation, so D is piecewise linear.
class Discriminator {
  public:
    struct Output {
        Tensor src;  ///< D_src: [N, final height, final width, 1], master type
        Tensor cls;  ///< D_cls: logits [N, class_dim], master type
    };
    static constexpr double slope = 0.01;

    Discriminator(Device& device, const ModelConfig& config, Precision precision,
                  Masters masters = Masters::whole);

    /// x [N,H,W,3], master type.
    Output forward(const Tensor& x) const;
    /// The two parts of forward, for code that needs the feature maps: all L maps, layer by layer,
    /// and the patch head on the last of them.
    std::vector<Tensor> features(const Tensor& x) const;
    Tensor src_head(const Tensor& last_map) const;

    // Strided layer l's weight and bias are parameters 2l and 2l + 1; the heads' weights follow.
    /// Weight of strided layer l = 0 .. d_repeat_num - 1.
    const Tensor& weight(int layer) const;
    const Tensor& bias(int layer) const;
    const Tensor& src_weight() const { return parameters_["conv1.weight"]; }
    const Tensor& cls_weight() const { return parameters_["conv2.weight"]; }
    ConvOptions strided() const {
        return {.stride = 2, .pad = 1, .compute = compute_, .math = math_};
    }
    /// Options of the patch head: products in the computing type, scores in master type.
    ConvOptions src_options() const;
    /// Likewise of the class head.
    ConvOptions cls_options() const;

    Parameters& parameters() { return parameters_; }
    const Parameters& parameters() const { return parameters_; }
    const ModelConfig& config() const { return config_; }
    DType compute() const { return compute_; }

  private:
    ModelConfig config_;
    DType compute_;
    ConvMath math_;
    Parameters parameters_;
};

}  // namespace sg
