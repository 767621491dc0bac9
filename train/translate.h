#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "train/checkpoint.h"

namespace sg {

/// "Blond_Hair=1,Eyeglasses=0" as (label index, value) pairs of a group. A one-hot label may be
/// named alone ("happy"). Throws Error for a malformed setting or an unknown name, listing the
/// known ones.
struct LabelSetting {
    int label;
    bool value;
};
std::vector<LabelSetting> parse_settings(const LabelGroup& group, const std::string& text);

/// `own` with the settings applied in order. Setting a label clears those it excludes (other hair
/// colours, other classes); throws Error if two of the settings contradict each other or a one-hot
/// label would be left without a class.
std::vector<float> apply_settings(const LabelGroup& group, std::vector<float> own,
                                  const std::vector<LabelSetting>& settings);

struct TranslateRequest {
    std::filesystem::path checkpoint;           ///< file or run folder
    std::vector<std::filesystem::path> inputs;  ///< images or folders of images
    std::vector<std::string> set;  ///< one target each; empty: one per label, as in sample grids
    std::string from;              ///< the input's own labels; those not named are predicted
    int crop = 0;  ///< centre crop in pixels; 0: the largest rectangle of the training aspect ratio
    std::filesystem::path out;
};

struct Translated {
    std::filesystem::path input, output;
    std::string source;  ///< labels of the input, given or predicted: "Black_Hair Young"
    std::string target;  ///< labels asked for
};

/// Translates photos of any size: centre crop to the training aspect ratio, resize to the training
/// size, G. One PNG per image and target: STEM__SETTING.png. Images that do not decode are passed
/// to `skipped` and left out; throws Error if none is left.
std::vector<Translated> translate_files(Device& device, const TranslateRequest& request,
                                        const std::function<void(const std::string&)>& skipped);

}  // namespace sg
