#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/classifier.h"
#include "train/data/dataset.h"

namespace sg {

struct ClassifierOptions {
    int iterations = 2000;
    int batch = 32;               ///< images per iteration; at most the training images there are
    double learning_rate = 1e-3;  ///< Adam's (beta1 0.9), at its highest
    uint64_t seed = 1;            ///< of weights, order and mirroring
    Precision precision = Precision::f32;
    int threads = 2;  ///< that load images
};

/// The learning rate of an iteration (0, 1, ...): it rises linearly over the first twentieth of
/// them, then falls along half a cosine towards 0.
double learning_rate(const ClassifierOptions& options, int iteration);

/// How well logits tell labels. "Right": multi-label, the logit's sign; one-hot, the largest logit.
struct LabelAccuracy {
    double overall = 0;  ///< one-hot: share of images; multi-label: mean over labels
    /// Multi-label: share of images where label i is right. One-hot: of the images of class i, the
    /// share that is right; NaN for a class without images.
    std::vector<double> per_label;
};
/// logits, labels: N x group.dim(), labels 0 or 1. Throws Error unless the counts agree and N > 0.
LabelAccuracy label_accuracy(const LabelGroup& group, std::span<const float> logits,
                             std::span<const float> labels);

struct ClassifierReport {
    double accuracy = 0;            ///< of held-out images, LabelAccuracy::overall
    std::vector<double> per_label;  ///< LabelAccuracy::per_label
    /// What guessing would get that always says the same. Multi-label: the commoner value of
    /// label i. One-hot: the commonest class; to be compared with `accuracy`, the same for all i.
    std::vector<double> majority;
    int64_t trained_on = 0, held_out = 0;  ///< images
    double final_loss = 0;                 ///< mean over the last iterations, ten at most
};

struct TrainedClassifier {
    std::unique_ptr<Classifier> network;
    ClassifierReport report;
};

/// Trains a classifier of the default size (for images of `size` and the data set's labels) on
/// split.train, mirrored at random, and tests it on split.test. The loss is that of D: BCE summed
/// over labels or cross entropy, mean over the batch.
///
/// progress (may be empty) is told every ten iterations and at the end, with the mean loss since it
/// was told before; what it throws ends the training. The same arguments give the same bits on one
/// machine. Images that do not decode are left out.
/// Throws Error for data that cannot train (require_trainable), if nothing is held out, and if a
/// loss or gradient is not finite.
TrainedClassifier train_classifier(
    Device& device, const Dataset& dataset, const Split& split, ImageSize size,
    const ClassifierOptions& options,
    const std::function<void(int done, int total, double loss)>& progress);

/// Features and logits of many images.
struct Judged {
    std::vector<float> features;  ///< N x config().features
    std::vector<float> logits;    ///< N x config().labels.dim()
};
/// images [N,H,W,3] in [-1, 1], `slice` of them at a time.
Judged judge(const Classifier& network, const Tensor& images, int slice = 32);

/// One safetensors file: the weights in PyTorch's layout, as metadata all that is needed to build
/// the network again, the report and `fingerprint`: whatever the caller wants to know it by, e.g.
/// data and options. The folder must exist. Written atomically. Values are f32.
void save_classifier(const std::filesystem::path& path, const Classifier& network,
                     const ClassifierReport& report, const std::string& fingerprint);
/// Empty if there is no file or one of another fingerprint. Throws Error if it is damaged or no
/// classifier.
std::optional<TrainedClassifier> load_classifier(Device& device, const std::filesystem::path& path,
                                                 const std::string& fingerprint);

}  // namespace sg
