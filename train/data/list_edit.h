#pragma once

#include <string>
#include <vector>

#include "train/data/file_dataset.h"

namespace sg {

/// Adds the images of `test` under absolute names, in which folders are no links, as the held-out
/// ones; all others of `list` train.
/// Classes that `test` lacks are noted by require_class_images. Throws Error for a class that
/// `list` does not have, another kind of labels, or an image that is in both.
void hold_out(FileList& list, FileList test);

/// Reduces a list to these labels, in this order. Images of other classes are left out and counted;
/// of attributes only the columns go. Throws Error for an unknown label (listing the known ones) or
/// one that is named twice.
void select_labels(FileList& list, const std::vector<std::string>& labels);

/// Throws Error naming the first class (one_hot) without an image to train on; notes classes
/// without a held-out image if others have one.
void require_class_images(FileList& list);

}  // namespace sg
