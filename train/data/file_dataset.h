#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/data/dataset.h"

namespace sg {

/// Labelled image files, before anything is known about their content.
struct FileList {
    std::string root;  ///< directory that `names` are relative to
    LabelGroup group;
    std::vector<std::string> names;  ///< item names, in item order
    std::vector<uint8_t> labels;     ///< names.size() x group.dim(), 0/1
    std::vector<uint8_t> held_out;   ///< per item: 1 = test; empty if the layout marks none
};

struct FileScanOptions {
    int crop = 0;             ///< centre crop in pixels before resizing, 0 = none
    bool verify_all = false;  ///< decode every file; else only the headers are read
    int threads = 0;          ///< scanning threads, 0 = one per core
};

/// Opens every file once, in parallel. Files that fail are dropped, counted in skipped_corrupt and
/// named in the notes. `summary` brings what the caller counted; images, label_counts, sizes and
/// notes are filled in. A file that fails later makes read_image throw.
std::unique_ptr<Dataset> make_file_dataset(FileList list, DataSummary summary,
                                           const FileScanOptions& options);

}  // namespace sg
