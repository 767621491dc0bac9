#pragma once

#include <cmath>
#include <random>

#include "tests/support.h"
#include "train/data/synth_dataset.h"
#include "train/eval/measure_mask.h"

namespace sg::testing {

inline constexpr ImageSize kFaceSize{28, 24};

/// Two data sets of built-in faces, and the labels of a network that knows both.
struct BuiltInFaces {
    uint64_t seed = std::random_device{}();
    SynthDataset attributes{SynthGroup::attributes, 40, seed};
    SynthDataset expressions{SynthGroup::expressions, 40, seed};
    LabelLayout alone{.groups = {attributes.label_group()}};
    LabelLayout both{.groups = {attributes.label_group(), expressions.label_group()}};

    const SynthDataset& of(int group) const { return group == 0 ? attributes : expressions; }
};

class FakeTranslator : public ImageTranslator {
  public:
    explicit FakeTranslator(const LabelLayout& layout) : layout_(layout) {}
    const LabelLayout& labels() const override { return layout_; }
    const CheckpointInfo& info() const override { return info_; }
    int64_t parameters() const override { return 0; }

    Tensor translate(const Tensor& images, std::span<const float> own,
                     std::span<const float> target) const override {
        require_translatable(layout_, images, own, target);
        const int64_t count = images.dim(0), size = images.size() / count;
        const auto values = images.to_host_f32();
        std::vector<float> out;
        for (int64_t n = 0; n < count; ++n) {
            const auto one =
                change(row_of(values, n, size), row_of(target, n, layout_.label_dim()));
            out.insert(out.end(), one.begin(), one.end());
        }
        return Tensor::from_host(images.device(), images.shape(), std::span<const float>(out));
    }

  protected:
    virtual std::vector<float> change(std::span<const float> image,
                                      std::span<const float> target) const = 0;
    const LabelLayout& layout_;

  private:
    CheckpointInfo info_;
};

/// Hands back its input.
class Copier : public FakeTranslator {
  public:
    using FakeTranslator::FakeTranslator;
    std::vector<float> change(std::span<const float> image, std::span<const float>) const override {
        return {image.begin(), image.end()};
    }
};

/// Fades the image and lays a wave of its own over it for every label that is set.
class Waves : public FakeTranslator {
  public:
    using FakeTranslator::FakeTranslator;
    std::vector<float> change(std::span<const float> image,
                              std::span<const float> target) const override {
        std::vector<float> out(image.begin(), image.end());
        for (size_t i = 0; i < out.size(); ++i) {
            out[i] *= 0.8f;
            for (size_t k = 0; k < target.size(); ++k)
                out[i] += 0.2f * target[k] * std::sin(0.004f * float(i * (k + 1)));
        }
        return out;
    }
};

/// The same without a generator for labels that an image already has.
class WavesOverOthers : public Waves {
  public:
    using Waves::Waves;
    bool translates_to_own_labels() const override { return false; }
};

/// A classifier that anybody can compute: features are the means of ten stripes of the values,
/// logit k is feature k + 1 minus feature k.
inline std::vector<float> stripes(std::span<const float> image) {
    std::vector<float> means(10);
    const size_t length = image.size() / 10;
    for (size_t s = 0; s < 10; ++s)
        for (size_t i = 0; i < length; ++i) means[s] += image[s * length + i] / float(length);
    return means;
}
inline Judge stripe_judge(int dim) {
    return [dim](const Tensor& images) {
        Judged judged;
        const auto values = images.to_host_f32();
        for (int64_t n = 0; n < images.dim(0); ++n) {
            const auto features = stripes(row_of(values, n, images.size() / images.dim(0)));
            judged.features.insert(judged.features.end(), features.begin(), features.end());
            for (size_t k = 0; k < size_t(dim); ++k)
                judged.logits.push_back(features[k + 1] - features[k]);
        }
        return judged;
    };
}

}  // namespace sg::testing
