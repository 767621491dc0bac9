#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "train/data/dataset.h"
#include "train/synth/face.h"

namespace sg {

/// attributes: multi_label Black_Hair, Blond_Hair, Brown_Hair (exactly one), Eyeglasses, Pale_Skin.
/// expressions: one_hot angry .. surprised.
enum class SynthGroup { attributes, expressions };

/// Drawn faces that need no files and know the true answer of every translation. Item i is a pure
/// function of (group, seed, i); the two groups show different people even for one seed.
class SynthDataset : public Dataset {
  public:
    /// `count` items, at least 1. `labels` selects some of the group's, in that order; empty: all.
    /// Faces show the selected expressions only (at least two); hair colours are selected together
    /// or not at all. `name` is the label group's; empty: synth or synth-expressions. Throws Error
    /// for what cannot be.
    SynthDataset(SynthGroup group, int64_t count, uint64_t seed,
                 const std::vector<std::string>& labels = {}, const std::string& name = {});

    const LabelGroup& label_group() const override { return labels_; }
    const DataSummary& summary() const override { return summary_; }
    int64_t size() const override { return count_; }
    std::string item_name(int64_t index) const override;
    void read_labels(int64_t index, std::span<float> labels) const override;
    /// Drawn at `size`; nothing is cropped or resized.
    void read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const override;

    /// Seed of the item's face for synth::render.
    uint64_t identity(int64_t index) const;
    /// What the item's own picture shows: each hair colour 1/3, eyeglasses and pale skin 1/2 each.
    /// The expression is uniform among the selected ones for the expressions group, else neutral
    /// (2/3) or happy.
    synth::Attributes attributes(int64_t index) const;

    /// What a label of the expressions group stands for; throws Error for the attributes group.
    synth::Expression expression(int label) const;

    /// The true picture of item `index` under other labels of this group (0/1, dim() floats); what
    /// the labels do not name stays the item's own. Throws Error unless exactly one hair colour
    /// (one expression) is set.
    void render_with_labels(int64_t index, std::span<const float> labels, ImageSize size,
                            std::span<uint8_t> pixels) const;

  private:
    /// What `own` means for every label of the group.
    std::vector<float> all_labels(const synth::Attributes& own) const;
    void require_index(int64_t index) const;
    void require_dim(size_t floats) const;

    SynthGroup group_;
    int64_t count_;
    uint64_t seed_;
    LabelGroup all_, labels_;    ///< those of the group; the selected ones
    std::vector<int> selected_;  ///< indices into all_
    DataSummary summary_;
};

}  // namespace sg
