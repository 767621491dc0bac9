#pragma once

#include <filesystem>
#include <map>

#include "train/eval/image_translator.h"

namespace sg {

/// All generators of a pairwise run (train/pairwise.h): every image goes through the one from its
/// own class to the target's. There is none from a class to itself: such an image stays as it is.
class PairwiseTranslator : public ImageTranslator {
  public:
    /// Throws Error if a pair has no checkpoint yet. Needs the run's folder, not its data.
    PairwiseTranslator(Device& device, const std::filesystem::path& run);

    const LabelLayout& labels() const override { return info_.model.labels; }
    const CheckpointInfo& info() const override { return info_; }
    int64_t parameters() const override;
    int generators() const override { return int(pairs_.size()); }
    bool translates_to_own_labels() const override { return false; }
    /// Names the pairs whose training is not finished.
    std::vector<std::string> notes() const override { return notes_; }
    Tensor translate(const Tensor& images, std::span<const float> own,
                     std::span<const float> target) const override;

  private:
    CheckpointInfo info_;  ///< of the run as a whole: all classes, the iterations of all pairs
    std::vector<std::string> notes_;
    std::map<std::pair<int, int>, std::unique_ptr<StarGanTranslator>> pairs_;  ///< from, to
};

}  // namespace sg
