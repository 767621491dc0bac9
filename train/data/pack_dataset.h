#pragma once

#include <memory>
#include <string>

#include "train/data/pack_file.h"
#include "train/data/source.h"

namespace sg {

/// A data set from a pack alone. `source` may select labels: of a multi-label pack the others are
/// not seen, of a one-hot pack the images of other classes are left out. Every note of `notes` goes
/// to the summary. Images have the pack's size: read_image throws Error for another, and for an
/// image that is damaged.
std::unique_ptr<Dataset> make_pack_dataset(std::unique_ptr<PackFile> pack, const DataSource& source,
                                           const std::vector<std::string>& notes);

/// A data set of files whose pixels come from a pack made of just these files. Labels, marks and
/// notes are those of `list`. An image that is damaged, or wanted at another size, is decoded; the
/// pack is then removed, if it was damaged, so that the next run builds it again.
std::unique_ptr<Dataset> make_packed_dataset(std::unique_ptr<PackFile> pack, FileList list);

}  // namespace sg
