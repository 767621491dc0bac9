#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/data/file_dataset.h"

namespace sg {

struct RafdOptions {
    std::string root;
    std::vector<int> angles = {};  ///< camera angles in degrees; empty: the paper's 45, 90, 135
    int crop = 256;                ///< centre crop in pixels, clamped to the image; 0 = none
    std::string name = "rafd";     ///< of the label group
};

/// The images of the Radboud Faces Database, in any arrangement of folders below the root: names
/// are Rafd<angle>_<person>_<group>_<gender>_<expression>_<gaze>.<ext>, as in
/// Rafd090_01_Caucasian_female_angry_frontal.jpg. One class per expression that occurs, sorted by
/// name; items by path. Other names and angles are in the summary's `skipped`. Throws Error if no
/// image is named like this or an angle is asked for that no image has.
FileList list_rafd(const RafdOptions& options);

/// Holds out a tenth of the persons, at least one: those whose place in the permutation drawn by
/// Philox from `seed` (RngPurpose::split) comes first, persons sorted. No person is in both parts.
/// One person alone cannot be parted: nothing is held out, and noted.
void hold_out_persons(FileList& list, uint64_t seed);

}  // namespace sg
