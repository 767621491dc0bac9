#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/labels.h"
#include "train/data/files.h"

namespace sg {

/// Size of the images that training sees, in pixels.
struct ImageSize {
    int height = 128;
    int width = 128;
    bool operator==(const ImageSize&) const = default;
};

/// What a data set found on disk and what it left out, before training starts.
struct DataSummary {
    std::string source;                  ///< "celeba /data/img (list_attr_celeba.txt)"
    int64_t images = 0;                  ///< usable items
    std::vector<int64_t> label_counts;   ///< per label, how many items have it
    int min_height = 0, max_height = 0;  ///< source sizes found, in pixels
    int min_width = 0, max_width = 0;
    int64_t skipped_corrupt = 0;     ///< files that do not decode
    int64_t rows_without_image = 0;  ///< celeba, csv: listed, not on disk
    int64_t images_without_row = 0;  ///< celeba: on disk, not listed
    int64_t skipped_other = 0;       ///< files that are no images or lie in no class folder
    int64_t misnamed = 0;            ///< rafd: the name does not say what is needed
    int64_t unused_part = 0;         ///< of a part that neither trains nor is held out (validation)
    int64_t not_selected = 0;        ///< of classes or camera angles that were not asked for
    std::vector<std::string> notes;  ///< one line each: what was tolerated
    /// Whatever the counts above count, one by one; files that do not decode come first.
    std::vector<SkippedFile> skipped;
};

/// Human-readable table of a summary, one fact a line, ending in a newline. Names the first ten
/// files that are left out for a fault, or all that are left out for whatever reason.
std::string to_string(const DataSummary& summary, const LabelGroup& group,
                      bool name_all_skipped = false);

/// A list of labelled images. Items are numbered 0 .. size()-1 in an order that depends on the
/// files only. All const members may be called from several threads at once.
class Dataset {
  public:
    virtual ~Dataset() = default;

    virtual const LabelGroup& label_group() const = 0;
    virtual const DataSummary& summary() const = 0;
    virtual int64_t size() const = 0;
    /// The files that were listed, those that do not decode among them, and an item's place in
    /// that listing. Random splits go by it: whether a file is found to be damaged must not change
    /// which of the others are held out.
    virtual int64_t listed() const { return size(); }
    virtual int64_t place(int64_t index) const { return index; }
    /// Stable name of an item: path relative to the root, or "synth/000123".
    virtual std::string item_name(int64_t index) const = 0;
    /// Labels of an item as 0/1, label_group().dim() floats.
    virtual void read_labels(int64_t index, std::span<float> labels) const = 0;
    /// Decodes, centre-crops and resizes an item to `size`: RGB bytes, HWC, height*width*3.
    /// Throws Error naming the file if it cannot be decoded.
    virtual void read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const = 0;
    /// The images lie in memory at `size` (packs do), so reading one is a copy. Damaged ones among
    /// them do not count.
    virtual bool stored(ImageSize /*size*/) const { return false; }
    /// Items that the layout on disk itself marks as held out (root/test/...); empty if it does
    /// not.
    virtual std::vector<int64_t> fixed_test_items() const { return {}; }
};

/// Which items train and which are held out. Disjoint, both sorted.
struct Split {
    std::vector<int64_t> train;
    std::vector<int64_t> test;
};

/// The data set's own test items if it marks any, else `test_count` of the listed files drawn by
/// Philox from `seed` (a function of seed, listed() and test_count alone), less those that do not
/// decode. test_count is clamped to listed()/2.
Split make_split(const Dataset& dataset, int64_t test_count, uint64_t seed);
/// 16 hexadecimal digits of the held-out items' names.
std::string held_out_hash(const Dataset& dataset, const Split& split);

/// Refuses data that cannot train: no image, one label only, a label that every or no training item
/// has, fewer training items than `batch`. Throws Error with the reason and the counts.
void require_trainable(const Dataset& dataset, const Split& split, int batch);

}  // namespace sg
