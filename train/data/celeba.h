#pragma once

#include <string>
#include <vector>

#include "train/data/file_dataset.h"

namespace sg {

struct CelebaOptions {
    std::string image_dir;
    std::string attr_path;                ///< list_attr_celeba.txt or a file like it (attr_file.h)
    std::vector<std::string> attributes;  ///< in label order; empty = all of the file's
    int crop = 178;                       ///< centre crop in pixels, clamped to the image; 0 = none
    std::string name = "celeba";          ///< of the label group
};

/// The images and the attribute file of a CelebA download. Images may lie in a folder of `path`;
/// the attribute file (`attr` if it is not empty) in it or beside it. Empty strings for what is
/// missing.
struct CelebaPaths {
    std::string images, attributes;
};
CelebaPaths find_celeba(const std::string& path, const std::string& attr);

/// Multi-label images, in the order of the attribute file. Rows without an image and images without
/// a row are counted in the summary. Throws Error for an attribute that the file does not have
/// (listing those it has), a malformed file, or if no row names an image of the directory.
FileList list_celeba(const CelebaOptions& options);

}  // namespace sg
