#pragma once

#include <utility>
#include <vector>

#include "engine/norm_into.h"
#include "model/generator.h"

namespace sg {

/// G forward without a tape, keeping what its own backward pass needs and no more: every
/// convolution's result with its statistics, and the maps that leave a residual block. The other
/// inputs of convolutions are normalised again on the way back (docs/fast_step.md).
class GeneratorPass {
  public:
    /// x [N,H,W,3] and labels [N, label_dim], both master type.
    GeneratorPass(const Generator& G, const Tensor& x, const Tensor& labels);

    /// G(x, labels) [N,H,W,3], master type; no history.
    const Tensor& output() const { return output_; }

    enum class InputGradient { no, yes };
    /// Adds the gradients by G's parameters to `grads` (one per parameter; undefined counts as
    /// zero) and returns the gradient by x [N,H,W,3] in computing type, if wanted. grad_y: the
    /// gradient by output(), master type. Once; what the pass kept is released on the way.
    Tensor backward(const Tensor& grad_y, std::vector<Tensor>& grads, InputGradient by_x);

  private:
    struct Kept {
        Tensor input;  ///< of the convolution, where backward cannot make it again
        Tensor sums;   ///< the convolution's result
        NormStatistics statistics;
    };

    /// From u, the gradient by convolution l's result, to that by convolution l - 1's: returns the
    /// map between the two and that gradient. `skipped`: by what leaves the block.
    std::pair<Tensor, Tensor> through_layer(size_t l, const Tensor& u, Tensor& skipped,
                                            std::vector<Tensor>& grads);

    const std::vector<GeneratorLayer>& layers_;
    DType compute_;
    Tensor x_, labels_, output_;
    std::vector<Tensor> weights_;  ///< the first layer's for the image alone
    std::vector<Kept> kept_;
};

/// G(x, labels) for somebody who will not differentiate it: keeps nothing, normalises in place.
Tensor generate(const Generator& G, const Tensor& x, const Tensor& labels);

}  // namespace sg
