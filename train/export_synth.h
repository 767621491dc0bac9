#pragma once

#include <filesystem>

#include "train/data/synth_dataset.h"

namespace sg {

/// Writes built-in faces as files in one of the formats that training reads.
struct ExportSynthRequest {
    SynthGroup group = SynthGroup::attributes;
    int64_t count = 1000;
    uint64_t seed = 1;
    ImageSize size{.height = 128, .width = 128};
    double test_share = 0.1;  ///< folders only: share of images that go under test/
    std::filesystem::path out;
};

/// OUT/images/000001.png ... and OUT/list_attr_celeba.txt with the group's labels as 1 / -1.
void export_celeba(const ExportSynthRequest& request);
/// OUT/{train,test}/CLASS/000001.png; needs the expressions group.
void export_folders(const ExportSynthRequest& request);

}  // namespace sg
