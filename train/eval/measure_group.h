#pragma once

#include <functional>

#include "train/eval/image_translator.h"
#include "train/eval/target_meter.h"

namespace sg {

/// A classifier's features [N, F] and logits [N, dim of its group] of images [N,H,W,3].
using Judge = std::function<Judged(const Tensor& images)>;
using Progress = std::function<void(int64_t done, int64_t total)>;

/// Calls add(part, step) for one slice of the items after the other; step() counts one target done
/// for the whole slice.
template <class Add>
void in_slices(std::span<const int64_t> items, int64_t slice, int64_t targets,
               const Progress& progress, const Add& add) {
    require(slice > 0, "evaluate", "slices of {} images", slice);
    const auto total = int64_t(items.size());
    for (int64_t begin = 0; begin < total; begin += slice) {
        const int64_t count = std::min(slice, total - begin);
        int64_t done = begin * targets;
        add(items.subspan(size_t(begin), size_t(count)), [&] {
            done += count;
            if (progress) progress(done, total * targets);
        });
    }
}

/// What is translated, by whom, and who judges it.
struct GroupTest {
    const ImageTranslator& translator;
    int group;            ///< of translator.labels(), that of the data
    const Dataset& data;  ///< true pictures are compared if it is a SynthDataset
    std::vector<int64_t> items;
    ImageSize size;
    Judge judge;
    uint64_t seed = 1;   ///< of what identity distances are compared with
    int64_t slice = 32;  ///< images held in memory at a time, with all their translations
};

struct TargetCases {
    bool by_truth = false;    ///< score is the error in 1/255, else minus the probability
    std::vector<Case> cases;  ///< best first
};
struct GroupResult {
    GroupReport report;  ///< all but source, held_out and judge
    std::vector<TargetCases> cases;
};

/// Translates every item to every target label and back, and measures. Progress is in translations.
/// Items that do not decode are left out and named in `notes`.
GroupResult measure_group(Device& device, const GroupTest& test, const Progress& progress,
                          std::vector<std::string>& notes);

/// The true pictures of a built-in data set's items under a group's labels [N, dim], as bytes;
/// empty for other data.
std::vector<uint8_t> true_pictures(const Dataset& data, std::span<const int64_t> items,
                                   std::span<const float> labels, ImageSize size);

/// Adds up how much the outputs of different targets differ.
class DiversityMeter {
  public:
    /// One face: the input's bytes and those of every output.
    void add(std::span<const uint8_t> input, const std::vector<std::span<const uint8_t>>& outputs);
    DiversityScore score() const;

  private:
    int64_t faces_ = 0, some_equal_ = 0, all_equal_ = 0;
    PixelError between_, change_;
};

}  // namespace sg
