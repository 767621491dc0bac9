#pragma once

#include "train/eval/held_out.h"
#include "train/eval/report.h"

namespace sg {

/// Some held-out images with what a classifier says of them.
struct SeenImages {
    HeldOutImages in;
    Judged judged;
    std::vector<uint8_t> unchanged;  ///< translated to their own labels, or empty
};

/// Their translations to one target.
struct SeenTranslations {
    std::vector<float> targets;  ///< [N, dim], the group's own labels
    std::vector<uint8_t> pixels;
    std::vector<uint8_t> truth;  ///< the true pictures; empty if unknown
    std::vector<float> back;     ///< translated back to the inputs' labels, in [-1, 1]
    Judged judged;
};

/// Classifier features of real images with the labels of these.
struct RealFeatures {
    std::vector<float> features;  ///< [N, F]
    std::vector<float> labels;    ///< [N, dim]
    int64_t dim = 0;              ///< F
};

/// How well one image turned out.
struct Case {
    int64_t item;
    double score;
};

/// Collects what TargetReport says of one target label. Images whose labels it does not change do
/// not count.
class TargetMeter {
  public:
    TargetMeter(const LabelGroup& group, int label);

    void add(const SeenImages& images, const SeenTranslations& translations);
    TargetReport report(const RealFeatures& real, uint64_t seed) const;
    /// Features of all translations that counted, [images, F].
    const std::vector<float>& features() const { return translated_; }
    /// Best first: by the error against the truth if there is one, else by the probability that the
    /// classifier gives the target.
    std::vector<Case> cases() const;
    bool by_truth() const { return truth_.faces > 0; }

  private:
    void add_judged(std::span<const float> input, std::span<const float> output,
                    std::span<const float> own, std::span<const float> target);
    double probability(std::span<const float> logits, std::span<const float> target) const;

    const LabelGroup& group_;
    int label_;
    std::vector<int> others_;  ///< multi-label: attributes that should stay as they are
    int64_t images_ = 0, asked_ = 0, copy_ = 0, real_ = 0, kept_ = 0;
    TruthScore truth_;
    PixelError reconstruction_;
    int64_t feature_dim_ = 0;
    std::vector<float> inputs_, translated_;  ///< features [images, F]
    std::vector<float> given_;                ///< features of those that were to get the label
    std::vector<Case> cases_;
};

/// Whether logits say what the labels say of `label`: for one-hot the class with the largest logit,
/// else the sign.
bool judged_as(const LabelGroup& group, int label, std::span<const float> logits,
               std::span<const float> labels);

/// All targets together: sums, and means weighted by images.
TargetReport combine(const std::vector<TargetReport>& targets);

/// frechet_distance with the reason if there is none.
FrechetScore frechet_score(std::span<const float> a, std::span<const float> b, int64_t features);

}  // namespace sg
