#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/stargan.h"
#include "train/checkpoint.h"

namespace sg {

/// What an evaluation judges: something that changes images as labels ask. Label vectors are full
/// ones, [N, labels().label_dim()] floats on the host: all groups, then the mask if there are
/// several (LabelLayout::unify).
class ImageTranslator {
  public:
    virtual ~ImageTranslator() = default;
    virtual const LabelLayout& labels() const = 0;
    /// What was trained: configuration, iterations, settings.
    virtual const CheckpointInfo& info() const = 0;
    /// Of all generators that translating needs.
    virtual int64_t parameters() const = 0;
    virtual int generators() const { return 1; }
    /// Whether labels that an image already has are translated to like any others, by a generator
    /// with its blur. If such an image stays as it is, it is nothing to tell a change from.
    virtual bool translates_to_own_labels() const { return true; }
    /// What a reader of its results has to know, one sentence each.
    virtual std::vector<std::string> notes() const { return {}; }
    /// images [N,H,W,3] in [-1, 1] -> the same shape on the same device. `own` says what the images
    /// show, `target` what the results should; StarGAN needs the target alone.
    virtual Tensor translate(const Tensor& images, std::span<const float> own,
                             std::span<const float> target) const = 0;
};

/// Throws Error unless images are [N,H,W,3] and each has two full label vectors.
void require_translatable(const LabelLayout& labels, const Tensor& images,
                          std::span<const float> own, std::span<const float> target);

/// The one generator of a StarGAN checkpoint, in f32.
class StarGanTranslator : public ImageTranslator {
  public:
    /// Throws Error if the file is no checkpoint or is damaged.
    StarGanTranslator(Device& device, const std::filesystem::path& checkpoint);

    const LabelLayout& labels() const override { return info_.model.labels; }
    Tensor translate(const Tensor& images, std::span<const float> own,
                     std::span<const float> target) const override;
    const CheckpointInfo& info() const override { return info_; }
    int64_t parameters() const override { return generator_->parameters().count(); }

  private:
    CheckpointInfo info_;
    std::unique_ptr<Generator> generator_;
};

}  // namespace sg
