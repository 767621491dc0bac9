#pragma once

#include <string>
#include <vector>

#include "train/data/file_dataset.h"

namespace sg {

struct CelebaOptions {
    std::string image_dir;
    std::string attr_path;  ///< list_attr_celeba.txt or a file like it (attr_file.h)
    std::vector<std::string> attributes = {};  ///< in label order; empty = all of the file's
    int crop = 178;                   ///< centre crop in pixels, clamped to the image; 0 = none
    std::string name = "celeba";      ///< of the label group
    std::string partition_path = {};  ///< list_eval_partition.txt; empty: all images train
    std::string landmarks_path = {};  ///< list_landmarks_align_celeba.txt; empty: not known
    bool align = false;               ///< crop around the face; needs landmarks
};

/// The parts of a CelebA download. Images may lie in a folder of `path`; the attribute file (`attr`
/// if it is not empty) in it or beside it; the lists of parts and landmarks beside the attribute
/// file or in or beside the images. Each may be .txt or Kaggle's .csv. Empty strings for what is
/// missing.
struct CelebaPaths {
    std::string images, attributes, partition, landmarks;
};
CelebaPaths find_celeba(const std::string& path, const std::string& attr);

/// Multi-label images, in the order of the attribute file. Rows without an image and images without
/// a row are counted in the summary. With a partition its test images are held out, its validation
/// images left out, and images that it does not list train. Throws Error for an attribute that the
/// file does not have (listing those it has), a malformed file, if no row names an image of the
/// directory, or for an image without landmarks that is to be aligned.
FileList list_celeba(const CelebaOptions& options);

}  // namespace sg
