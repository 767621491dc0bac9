#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/data/dataset.h"

namespace sg {

struct CelebaOptions {
    std::string image_dir;
    std::string attr_path;                ///< list_attr_celeba.txt or a file like it (attr_file.h)
    std::vector<std::string> attributes;  ///< in label order; empty = all of the file's
    int crop = 178;                       ///< centre crop in pixels, clamped to the image; 0 = none
    bool verify_all = false;      ///< decode every image now instead of reading headers only
    int threads = 0;              ///< for the scan, 0 = one per core
    std::string name = "celeba";  ///< of the label group
};

/// Multi-label images, in the order of the attribute file. Rows without an image and images without
/// a row are counted in the summary. Throws Error for an attribute that the file does not have
/// (listing those it has), a malformed file, or if no row names an image of the directory.
std::unique_ptr<Dataset> open_celeba(const CelebaOptions& options);

}  // namespace sg
