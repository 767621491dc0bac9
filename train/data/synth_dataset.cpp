#include "train/data/synth_dataset.h"

#include <algorithm>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"

namespace sg {
namespace {

// Labels of the attributes group; the hair colours come first, in the order of synth::Hair.
constexpr int kEyeglasses = synth::kHairColours;
constexpr int kPaleSkin = kEyeglasses + 1;

// Streams of RngPurpose::synth_identity: 0 and 1 belong to synth::render.
constexpr uint32_t kIdentityStream = 2;

LabelGroup make_labels(SynthGroup group) {
    if (group == SynthGroup::attributes) {
        return {"synth",
                LabelKind::multi_label,
                {"Black_Hair", "Blond_Hair", "Brown_Hair", "Eyeglasses", "Pale_Skin"}};
    }
    return {
        "synth-expressions",
        LabelKind::one_hot,
        {"angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"}};
}

/// Index of the one label set among the first `n`; throws unless there is exactly one.
int only_one(std::span<const float> labels, int n, const char* what) {
    int found = -1, set = 0;
    for (int i = 0; i < n; ++i) {
        if (labels[size_t(i)] == 1) {
            found = i;
            ++set;
        }
    }
    require(set == 1, "synth", "{} of {} {} labels are set, exactly one must be", set, n, what);
    return found;
}

void require_drawable(SynthGroup group, const LabelGroup& labels) {
    if (group == SynthGroup::expressions) {
        require(labels.dim() >= 2, "synth", "'{}' is the only expression, at least two are needed",
                labels.names[0]);
        return;
    }
    const auto hair =
        std::count_if(labels.names.begin(), labels.names.end(),
                      [](const std::string& name) { return name.ends_with("_Hair"); });
    require(hair == 0 || hair == synth::kHairColours, "synth",
            "{} of the {} hair colours are selected: take all or none", hair, synth::kHairColours);
}

}  // namespace

SynthDataset::SynthDataset(SynthGroup group, int64_t count, uint64_t seed,
                           const std::vector<std::string>& labels, const std::string& name)
    : group_(group), count_(count), seed_(seed), all_(make_labels(group)), labels_(all_) {
    if (!labels.empty()) labels_.names = labels;
    for (const std::string& label : labels_.names) {
        const int index = all_.index_of(label);
        require(std::find(selected_.begin(), selected_.end(), index) == selected_.end(), "synth",
                "label '{}' is selected twice", label);
        selected_.push_back(index);
    }
    require_drawable(group, labels_);
    if (!name.empty()) labels_.name = name;
    require(count >= 1, "synth", "asked for {} items, need at least 1", count);
    const char* kind = group == SynthGroup::attributes ? "attributes" : "expressions";
    summary_.source = fmt::format("synth: drawn faces, {}, seed {}", kind, seed);
    summary_.images = count;
    summary_.label_counts.assign(size_t(labels_.dim()), 0);
    std::vector<float> item(size_t(labels_.dim()));
    for (int64_t i = 0; i < count; ++i) {
        read_labels(i, item);
        for (size_t k = 0; k < item.size(); ++k) summary_.label_counts[k] += item[k] == 1;
    }
    summary_.notes.push_back("drawn at the size asked for: source sizes are 0");
}

std::string SynthDataset::item_name(int64_t index) const {
    require_index(index);
    return fmt::format("synth/{:06}", index);
}

uint64_t SynthDataset::identity(int64_t index) const {
    require_index(index);
    const Rng rng{seed_, RngPurpose::synth_identity, kIdentityStream + uint32_t(group_)};
    const auto words = rng.words(uint64_t(index));
    return uint64_t{words[0]} << 32 | words[1];
}

synth::Attributes SynthDataset::attributes(int64_t index) const {
    const Rng rng{identity(index), RngPurpose::synth_attributes, 0};
    synth::Attributes attributes;
    attributes.hair = synth::Hair(rng.below(0, synth::kHairColours));
    attributes.eyeglasses = rng.below(1, 2) == 1;
    attributes.pale_skin = rng.below(2, 2) == 1;
    if (group_ == SynthGroup::expressions) {
        attributes.expression =
            synth::Expression(selected_[rng.below(3, uint32_t(selected_.size()))]);
    } else {
        attributes.expression =
            rng.below(3, 3) == 0 ? synth::Expression::happy : synth::Expression::neutral;
    }
    return attributes;
}

synth::Expression SynthDataset::expression(int label) const {
    require(group_ == SynthGroup::expressions && label >= 0 && label < labels_.dim(), "synth",
            "label {} of {} is no expression", label, labels_.name);
    return synth::Expression(selected_[size_t(label)]);
}

void SynthDataset::read_labels(int64_t index, std::span<float> labels) const {
    require_dim(labels.size());
    const std::vector<float> all = all_labels(attributes(index));
    for (size_t k = 0; k < labels.size(); ++k) labels[k] = all[selected_[k]];
}

std::vector<float> SynthDataset::all_labels(const synth::Attributes& own) const {
    std::vector<float> labels(size_t(all_.dim()));
    if (group_ == SynthGroup::expressions) {
        labels[size_t(own.expression)] = 1;
        return labels;
    }
    labels[size_t(own.hair)] = 1;
    labels[kEyeglasses] = own.eyeglasses ? 1 : 0;
    labels[kPaleSkin] = own.pale_skin ? 1 : 0;
    return labels;
}

void SynthDataset::read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const {
    synth::render(identity(index), attributes(index), size, pixels);
}

void SynthDataset::render_with_labels(int64_t index, std::span<const float> labels, ImageSize size,
                                      std::span<uint8_t> pixels) const {
    require_dim(labels.size());
    for (size_t k = 0; k < labels.size(); ++k) {
        require(labels[k] == 0 || labels[k] == 1, "synth", "label {} is {}, must be 0 or 1",
                labels_.names[k], labels[k]);
    }
    synth::Attributes target = attributes(index);
    std::vector<float> all = all_labels(target);
    for (size_t k = 0; k < labels.size(); ++k) all[selected_[k]] = labels[k];
    if (group_ == SynthGroup::expressions) {
        target.expression = synth::Expression(only_one(all, all_.dim(), "expression"));
    } else {
        target.hair = synth::Hair(only_one(all, synth::kHairColours, "hair colour"));
        target.eyeglasses = all[kEyeglasses] == 1;
        target.pale_skin = all[kPaleSkin] == 1;
    }
    synth::render(identity(index), target, size, pixels);
}

void SynthDataset::require_index(int64_t index) const {
    require(index >= 0 && index < count_, "synth", "item {} asked for, there are {}", index,
            count_);
}

void SynthDataset::require_dim(size_t floats) const {
    require(floats == size_t(labels_.dim()), "synth", "got {} labels, group {} has {}", floats,
            labels_.name, labels_.dim());
}

}  // namespace sg
