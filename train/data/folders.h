#pragma once

#include <string>

#include "train/data/file_dataset.h"

namespace sg {

struct FolderOptions {
    std::string root;
    int crop = 0;                  ///< centre crop in pixels, clamped to the image; 0 = none
    std::string name = "folders";  ///< of the label group
    std::string test = {};         ///< what is held out instead of root/test, listed elsewhere
};

/// One class per folder: root/<class>/..., or root/train/<class>/... with held-out images in
/// root/test/<class>/... (or root/val, as StarGAN v2 calls it). Classes are sorted by name, items
/// by path, training ones first. Hidden files and folders are ignored; any other image is an item
/// or in the summary's `skipped`. Throws Error if there is no class folder or a test class is not
/// among the training classes. A class may have no image (require_class_images tells).
FileList list_folders(const FolderOptions& options);

}  // namespace sg
