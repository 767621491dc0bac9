#pragma once

#include "train/data/synth_dataset.h"
#include "train/eval/measure_group.h"

namespace sg {

/// The paper's test of the mask vector (section 5.6): images of one group get the one-hot labels of
/// another, once with the mask that says so, once with the mask of the images' own group.
struct MaskTest {
    const ImageTranslator& translator;
    int from, to;         ///< groups of the images and of the labels; `to` is one-hot
    const Dataset& data;  ///< the images
    /// The data set of the labels if it is built in: with built-in images the true pictures are
    /// known. Null otherwise.
    const SynthDataset* expressions;
    std::vector<int64_t> items;
    ImageSize size;
    Judge judge;  ///< of the labels' group
    int64_t slice = 32;
};

/// Images that already are what the target asks for do not count, where that is known.
MaskReport measure_mask(Device& device, const MaskTest& test, const Progress& progress,
                        std::vector<std::string>& notes);

}  // namespace sg
