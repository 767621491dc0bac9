#pragma once

#include <filesystem>

#include "train/batch.h"
#include "train/data/synth_dataset.h"

namespace sg {

/// One column of a sample grid: a change that is asked of every face.
struct TargetColumn {
    std::string name;  ///< the label, e.g. "Blond_Hair" or "happy"
    int label;         ///< its index in the group
};
/// One column per label of the group.
std::vector<TargetColumn> target_columns(const LabelGroup& group);
/// `own` with the column's label set (one-hot and hair colours: set it, clear those it excludes)
/// or flipped (all other attributes), as in the official code.
std::vector<float> target_labels(const LabelGroup& group, std::span<const float> own, int label);

/// Held-out faces with their labels, kept on the device for all sample grids of a run.
class SampleGrid {
  public:
    SampleGrid(Device& device, const Dataset& dataset, std::span<const int64_t> items,
               ImageSize size, const LabelLayout& labels, int group);
    /// PNG: a row per face; first column the input, then one column per target.
    void write(const Generator& G, const std::filesystem::path& path) const;

  private:
    LabelLayout layout_;
    int group_;
    ImageSize size_;
    Tensor images_;
    std::vector<Tensor> targets_;  ///< per column
};

/// How near translations of held-out built-in faces come to the true pictures.
struct TruthError {
    std::string target;
    int64_t faces = 0;      ///< those whose label the target changes
    double copy = 0;        ///< mean |input - truth| in 1/255
    double translated = 0;  ///< mean |G(input, target) - truth| in 1/255
};
std::vector<TruthError> measure_truth_error(Device& device, const Generator& G,
                                            const SynthDataset& dataset,
                                            std::span<const int64_t> items, ImageSize size,
                                            const LabelLayout& labels, int group);
std::string to_table(const std::vector<TruthError>& errors);

}  // namespace sg
