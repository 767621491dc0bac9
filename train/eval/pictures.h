#pragma once

#include "train/data/image_io.h"
#include "train/eval/measure_group.h"

namespace sg {

/// One image in all its translations.
struct PictureRow {
    std::string item;
    Image input;
    std::vector<Image> outputs;  ///< per target
};

/// A translation that turned out well or badly.
struct PictureCase {
    std::string target, item;
    bool best = false;
    std::string score;  ///< "12.3/255 from the truth", or "taken for it: 98 %"
    Image input, output;
    std::optional<Image> truth;
};

struct GroupPictures {
    std::string group;
    std::vector<std::string> targets;
    std::vector<PictureRow> grid;
    std::vector<PictureCase> cases;  ///< target by target, the best first
};

/// The first `rows` items in all translations, and per target the `cases` best and worst.
GroupPictures draw_pictures(Device& device, const GroupTest& test, const GroupResult& result,
                            int rows, int cases, std::vector<std::string>& notes);

}  // namespace sg
