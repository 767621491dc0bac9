#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sg {

class Device;

struct TranslateRequest {
    std::filesystem::path checkpoint;           ///< file or run folder
    std::vector<std::filesystem::path> inputs;  ///< images or folders of images
    /// One target each (label_settings.h), of any label group; empty: one per label, as in sample
    /// grids.
    std::vector<std::string> set;
    std::string from;  ///< the input's own labels; those not named are predicted
    int crop = 0;  ///< centre crop in pixels; 0: the largest rectangle of the training aspect ratio
    bool all = false;  ///< one picture per input: the input and all targets, side by side
    /// One picture per input: so many steps from its own labels to the first target and on to each
    /// next one, anew from its own labels where the next is of another group. 0: none.
    int strip = 0;
    std::filesystem::path out;
};

struct Translated {
    std::filesystem::path input, output;
    std::string source;  ///< labels of the input, given or predicted: "Black_Hair Young"
    std::string target;  ///< labels asked for; several targets are joined by " | "
};

/// Translates photos of any size: centre crop to the training aspect ratio, resize to the training
/// size, G. One PNG per image and target: STEM__SETTING.png; STEM__all.png or STEM__strip.png if
/// asked for. Images that do not decode or that the settings leave no class are passed to
/// `skipped` and left out; throws Error if none is left.
std::vector<Translated> translate_files(Device& device, const TranslateRequest& request,
                                        const std::function<void(const std::string&)>& skipped);

}  // namespace sg
