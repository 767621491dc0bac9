#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/data/dataset.h"
#include "train/data/image_io.h"
#include "train/data/preprocess.h"

namespace sg {

/// Where a face is in its image.
struct Face {
    Point center;                   ///< between the middle of the eyes and that of the mouth
    Point low{0, 0}, high{-1, -1};  ///< box around all landmarks; low > high: nothing is known
    bool known() const { return low.x <= high.x; }
};

/// Labelled image files, before anything is known about their content.
struct FileList {
    std::string root;  ///< directory that `names` are relative to
    LabelGroup group;
    std::vector<std::string> names;  ///< item names, in item order; an absolute one stays as it is
    std::vector<uint8_t> labels;     ///< names.size() x group.dim(), 0/1
    std::vector<uint8_t> held_out;   ///< per item: 1 = test; empty if the layout marks none
    int crop = 0;                    ///< centre crop in pixels before resizing, 0 = none
    std::vector<Face> faces = {};    ///< per item; empty if the data set has no landmarks
    /// Per item, its place among the `listed` files before those left that do not decode; empty:
    /// none has left.
    std::vector<int64_t> places = {};
    int64_t listed = 0;
    bool align = false;        ///< crop around the center of the item's face
    DataSummary summary = {};  ///< what was found and left out while listing
};

/// Keeps the items whose mark is not 0, in order.
void keep_items(FileList& list, const std::vector<uint8_t>& marks);
/// Whether any item is held out.
bool any_held_out(const FileList& list);

/// Where the file of an item is.
std::string item_path(const FileList& list, size_t item);
/// Decodes, crops and resizes an item; `decoded` receives its size before that. Throws Error naming
/// the file.
Image read_item(const FileList& list, size_t item, ImageSize size, ImageInfo* decoded = nullptr);
/// To be raised when read_item makes other bytes of some file than before: packs (pack_cache.h) of
/// earlier versions are then built anew.
inline constexpr int read_item_version = 1;

/// What reading an item's file has shown.
struct Finding {
    ImageInfo info;     ///< size of the file's image
    std::string fault;  ///< empty if the file is good
};
/// Completes a list by one finding per item: items with a fault leave the list and `findings`, are
/// counted in skipped_corrupt and named first in `skipped`; the summary's images, label_counts,
/// sizes and notes are filled in. Throws Error if items were held out and none of these decodes:
/// other items must not take their part.
void settle(FileList& list, std::vector<Finding>& findings);

/// A data set that has all but its images from a list.
class ListedDataset : public Dataset {
  public:
    explicit ListedDataset(FileList list);

    const LabelGroup& label_group() const override { return list_.group; }
    const DataSummary& summary() const override { return list_.summary; }
    int64_t size() const override { return int64_t(list_.names.size()); }
    int64_t listed() const override { return list_.places.empty() ? size() : list_.listed; }
    int64_t place(int64_t index) const override;
    std::string item_name(int64_t index) const override { return list_.names[check(index)]; }
    void read_labels(int64_t index, std::span<float> labels) const override;
    std::vector<int64_t> fixed_test_items() const override;

  protected:
    /// Throws Error for a number that is no item.
    size_t check(int64_t index) const;
    /// read_item, copied to `pixels`.
    void read_file(size_t item, ImageSize size, std::span<uint8_t> pixels) const;

    FileList list_;
};

struct FileScanOptions {
    bool verify_all = false;  ///< decode every file; else only the headers are read
    int threads = 0;          ///< scanning threads, 0 = one per core
};

/// Opens every file once, in parallel. Files that fail are dropped, counted in skipped_corrupt and
/// named in `skipped`. The summary's images, label_counts, sizes and notes are filled in. A file
/// that fails later makes read_image throw.
std::unique_ptr<Dataset> make_file_dataset(FileList list, const FileScanOptions& options);

}  // namespace sg
