#pragma once

#include <string>
#include <vector>

#include "model/labels.h"

namespace sg {

/// "Blond_Hair=1,Eyeglasses=0": labels of one group and how strongly they shall be there.
struct LabelSettings {
    struct One {
        int label;
        double
            value;  ///< 0: not there, 1: there; between and beyond: G goes part of the way, or on
    };
    int group = 0;
    std::vector<One> labels;
};

/// A label may be named alone if it is one-hot ("happy" is happy=1); GROUP.LABEL says which group
/// is meant. Values are numbers in [-2, 2]. Throws Error for a malformed setting, an unknown or
/// ambiguous name (listing the known ones), and labels of different groups: G is told one group.
LabelSettings parse_settings(const LabelLayout& layout, const std::string& text);
/// The same where labels of several groups may be named: one LabelSettings per group of the layout.
std::vector<LabelSettings> parse_settings_of_all(const LabelLayout& layout,
                                                 const std::string& text);

/// `own` (0/1) with the settings applied. Labels that a set one excludes (other hair colours, other
/// classes) give way: they keep what the settings leave of them, own (1 - sum of the values), at
/// least 0. Throws Error if a label is set to two values, if labels that exclude each other add up
/// to more than 1, or if no class is left of one-hot labels.
std::vector<float> apply_settings(const LabelGroup& group, std::vector<float> own,
                                  const LabelSettings& settings);

}  // namespace sg
