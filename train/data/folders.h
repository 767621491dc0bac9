#pragma once

#include <memory>
#include <string>

#include "train/data/dataset.h"

namespace sg {

struct FolderOptions {
    std::string root;
    int crop = 0;                  ///< centre crop in pixels, clamped to the image; 0 = none
    bool verify_all = false;       ///< decode every image now instead of reading headers only
    int threads = 0;               ///< for the scan, 0 = one per core
    std::string name = "folders";  ///< of the label group
};

/// One class per folder: root/<class>/..., or root/train/<class>/... with held-out images in
/// root/test/<class>/... (or root/val, as StarGAN v2 calls it). Classes are sorted by name, items
/// by path, training ones first. Hidden files and folders are ignored. Throws Error if there is no
/// class folder or a test class is not among the training classes.
std::unique_ptr<Dataset> open_folders(const FolderOptions& options);

}  // namespace sg
