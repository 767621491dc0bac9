#include "model/labels.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kernels/common/error.h"

namespace sg {
namespace {

// Nobody has two hair colours: setting one clears the others (official create_labels).
constexpr std::array<std::string_view, 4> kHairColours = {"Black_Hair", "Blond_Hair", "Brown_Hair",
                                                          "Gray_Hair"};

bool is_hair_colour(const std::string& label) {
    return std::find(kHairColours.begin(), kHairColours.end(), label) != kHairColours.end();
}

}  // namespace

const char* to_string(LabelKind kind) {
    return kind == LabelKind::multi_label ? "multi_label" : "one_hot";
}

LabelKind label_kind_from_string(const std::string& text) {
    if (text == "multi_label") return LabelKind::multi_label;
    if (text == "one_hot") return LabelKind::one_hot;
    throw Error("labels",
                fmt::format("unknown label kind '{}', expected multi_label or one_hot", text));
}

int LabelGroup::index_of(const std::string& label) const {
    const auto found = std::find(names.begin(), names.end(), label);
    if (found == names.end()) {
        throw Error("labels", fmt::format("group '{}' has no label '{}'", name, label),
                    fmt::format("known labels: {}", fmt::join(names, ", ")));
    }
    return int(found - names.begin());
}

std::vector<int> LabelGroup::exclusive_with(int i) const {
    require(i >= 0 && i < dim(), "labels", "label {} is outside group '{}' of {} labels", i, name,
            dim());
    std::vector<int> others;
    for (int j = 0; j < dim(); ++j) {
        if (j == i) continue;
        const bool hair = is_hair_colour(names[i]) && is_hair_colour(names[j]);
        if (kind == LabelKind::one_hot || hair) others.push_back(j);
    }
    return others;
}

int LabelLayout::class_dim() const {
    int dim = 0;
    for (const LabelGroup& group : groups) dim += group.dim();
    return dim;
}

int LabelLayout::label_dim() const {
    return class_dim() + (groups.size() > 1 ? int(groups.size()) : 0);
}

int LabelLayout::offset(int group) const {
    require(group >= 0 && group < int(groups.size()), "labels",
            "group {} is outside the layout of {} groups", group, groups.size());
    int dim = 0;
    for (int i = 0; i < group; ++i) dim += groups[i].dim();
    return dim;
}

LabelLayout::Place LabelLayout::find(const std::string& name) const {
    std::vector<Place> found;
    std::vector<std::string> full_names, known;
    for (int g = 0; g < int(groups.size()); ++g)
        for (int i = 0; i < groups[g].dim(); ++i) {
            const std::string& label = groups[g].names[i];
            const std::string full = groups[g].name + "." + label;
            if (name == full) return {g, i};
            known.push_back(groups.size() > 1 ? full : label);
            if (name != label) continue;
            found.push_back({g, i});
            full_names.push_back(full);
        }
    if (found.empty())
        throw Error("labels", fmt::format("there is no label '{}'", name),
                    fmt::format("known labels: {}", fmt::join(known, ", ")));
    if (found.size() > 1)
        throw Error("labels", fmt::format("{} data sets have a label '{}'", found.size(), name),
                    fmt::format("say which: {}", fmt::join(full_names, " or ")));
    return found.front();
}

void LabelLayout::unify(int group, const float* labels, float* out) const {
    const int begin = offset(group);
    std::fill(out, out + label_dim(), 0.0f);
    std::copy(labels, labels + groups[group].dim(), out + begin);
    if (groups.size() > 1) out[class_dim() + group] = 1.0f;
}

}  // namespace sg
