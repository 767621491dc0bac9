#pragma once

#include <string>

#include "engine/ops.h"
#include "engine/parameters.h"
#include "model/config.h"
#include "model/labels.h"

namespace sg {

/// The size of a Classifier.
struct ClassifierConfig {
    int height = 64, width = 64;  ///< of the images, in pixels; even
    LabelGroup labels;            ///< what it tells apart
    int dim = 16;                 ///< channels of the first stage; each next doubles, up to 4 dim
    int stages = 4;               ///< halvings of the image: at most these, see Classifier
    int features = 64;            ///< length of the feature vector
    bool operator==(const ClassifierConfig&) const = default;
};

/// A residual network that reads the labels off an image. Not a part of StarGAN: it is trained on
/// real images alone and then judges what G made. Stage k = 0, 1, ... of C_k = dim min(2^k, 4)
/// channels is
///     h <- relu(conv4x4 stride 2 (h));   h <- h + gain conv3x3(relu(conv3x3(h)))
/// with biases and one learnable number `gain` that starts at 0 (SkipInit: De & Smith, "Batch
/// Normalization Biases Residual Blocks Towards the Identity Function", NeurIPS 2020). There is no
/// normalisation: one of instances would remove what hair and skin are, the mean colour. Then a
/// convolution over the whole last map and ReLU give the features, a linear map of them the logits.
///
/// A side that is no multiple of 2^stages takes fewer stages: as many as halve both without a rest.
/// Throws Error if that is none, or for sizes below 1.
class Classifier {
  public:
    struct Output {
        Tensor features;  ///< [N, features], not negative, master type
        Tensor logits;    ///< [N, labels.dim()], master type; label present: above 0
    };
    Classifier(Device& device, const ClassifierConfig& config, Precision precision);

    /// x [N,H,W,3] in [-1, 1].
    Output forward(const Tensor& x) const;

    Parameters& parameters() { return parameters_; }
    const Parameters& parameters() const { return parameters_; }
    /// As given, but for `stages`: those that there are.
    const ClassifierConfig& config() const { return config_; }
    Precision precision() const { return precision_; }

  private:
    Tensor layer(const Tensor& x, const std::string& name, ConvOptions options) const;

    ClassifierConfig config_;
    Precision precision_;
    Parameters parameters_;
};

/// Weights uniform in +-sqrt(6 / fan_in) (He et al. 2015, for ReLU), those of the logits in
/// +-sqrt(1 / fan_in); biases and gains 0. A function of the seed.
void initialise(Classifier& network, uint64_t seed);

}  // namespace sg
