#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "train/data/file_dataset.h"

namespace sg {

enum class CelebaPart : uint8_t { train, validation, test };

/// list_eval_partition.txt: lines `000001.jpg 0` with 0 train, 1 validation, 2 test; also with
/// commas and a heading. Throws Error naming path:line for any other line or a file listed twice.
std::unordered_map<std::string, CelebaPart> read_partition(const std::string& path);

struct LandmarkTable {
    std::unordered_map<std::string, Face> faces;  ///< by file name
    std::vector<std::string> notes;               ///< what was tolerated, one line each
};

/// list_landmarks_align_celeba.txt or list_landmarks_celeba.txt: a count, the heading `lefteye_x
/// lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x
/// rightmouth_y`, then a file name and these ten integers; also with commas. Throws Error naming
/// path:line.
LandmarkTable read_landmarks(const std::string& path);

}  // namespace sg
