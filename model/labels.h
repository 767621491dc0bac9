#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sg {

/// multi_label: any subset of the names may be 1 (CelebA attributes; BCE).
/// one_hot: exactly one is 1 (RaFD expressions; cross entropy).
enum class LabelKind { multi_label, one_hot };

const char* to_string(LabelKind kind);
LabelKind label_kind_from_string(const std::string& text);

/// The labels of one data set (paper, section 3.2: c_i).
struct LabelGroup {
    std::string name;  ///< e.g. "celeba"
    LabelKind kind = LabelKind::multi_label;
    std::vector<std::string> names;  ///< one per label, in the order of the label vector

    int dim() const { return int(names.size()); }
    /// Index of `label`; throws Error listing the known names.
    int index_of(const std::string& label) const;
    /// Indices that exclude label `i`: for one_hot all others, for multi_label the other hair
    /// colours if `i` is one ({Black,Blond,Brown,Gray}_Hair are exclusive, as in the official
    /// code).
    std::vector<int> exclusive_with(int i) const;
    bool operator==(const LabelGroup&) const = default;
};

/// How the groups lie in the label vector that G receives: [c_1 ... c_n, m]; the one-hot mask m
/// (which group is known) exists only with n > 1 groups. D's class head covers c_1 ... c_n only.
struct LabelLayout {
    std::vector<LabelGroup> groups;

    int class_dim() const;  ///< sum of the groups' dims: D's logits
    int label_dim() const;  ///< class_dim, plus n mask entries if n > 1: G's label channels
    int offset(int group) const;
    struct Place {
        int group, label;
    };
    /// The label called `name`, or GROUP.LABEL. Throws Error listing the known ones if there is
    /// none, and the full names if several groups have it.
    Place find(const std::string& name) const;
    /// Embeds a group's own labels (dim() floats) into a full label vector: other groups zero,
    /// mask set. `out` has label_dim() floats.
    void unify(int group, const float* labels, float* out) const;
    bool operator==(const LabelLayout&) const = default;
};

}  // namespace sg
