#pragma once

#include <optional>
#include <string>

#include "train/data/file_dataset.h"

namespace sg {

struct CsvOptions {
    std::string path = {};
    int crop = 0;                        ///< centre crop in pixels, clamped to the image; 0 = none
    std::string name = "csv";            ///< of the label group
    std::optional<LabelKind> kind = {};  ///< empty: what the values say
    bool heed_split = true;              ///< hold rows with split = test out, leave out val
};

/// A table with the header `file,label...` (csv_reader.h): one image a row, its path relative to
/// the table's folder or absolute. Columns of 1, -1 and 0 are attributes (multi_label); one column
/// of anything else is the class (one_hot, classes sorted by name). A column `split` says train,
/// val or test. Items in the order of the table. Rows without an image are counted in the summary.
/// Throws Error naming path:line and column for whatever is malformed, a file listed twice, or if
/// no row names an image.
FileList list_csv(const CsvOptions& options);

}  // namespace sg
