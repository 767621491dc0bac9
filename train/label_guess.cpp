#include "train/label_guess.h"

#include <algorithm>

namespace sg {

namespace {

void make_consistent(const LabelGroup& group, std::span<const float> logits,
                     std::span<float> labels) {
    for (int i = 0; i < group.dim(); ++i) {
        const auto excluded = group.exclusive_with(i);
        const bool largest = std::all_of(excluded.begin(), excluded.end(), [&](int other) {
            return logits[i] > logits[other] || (logits[i] == logits[other] && i < other);
        });
        labels[i] = largest && (logits[i] > 0 || group.kind == LabelKind::one_hot);
    }
}

}  // namespace

std::vector<float> guess_labels(const Discriminator& D, int group, const Tensor& images) {
    const GradMode off(false);
    const LabelLayout& layout = D.config().labels;
    const LabelGroup& names = layout.groups.at(group);
    const auto logits =
        slice_columns(D.forward(images).cls, layout.offset(group), names.dim()).to_host_f32();
    std::vector<float> labels(logits.size());
    for (size_t at = 0; at < logits.size(); at += names.dim())
        make_consistent(names, std::span(logits).subspan(at, names.dim()),
                        std::span(labels).subspan(at, names.dim()));
    return labels;
}

}  // namespace sg
