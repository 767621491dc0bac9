#pragma once

#include <string>

#include "train/data/file_dataset.h"

namespace sg {

struct FolderOptions {
    std::string root;
    int crop = 0;                  ///< centre crop in pixels, clamped to the image; 0 = none
    std::string name = "folders";  ///< of the label group
};

/// One class per folder: root/<class>/..., or root/train/<class>/... with held-out images in
/// root/test/<class>/... (or root/val, as StarGAN v2 calls it). Classes are sorted by name, items
/// by path, training ones first. Hidden files and folders are ignored. Throws Error if there is no
/// class folder or a test class is not among the training classes.
FileList list_folders(const FolderOptions& options);

}  // namespace sg
