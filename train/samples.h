#pragma once

#include <filesystem>

#include "model/stargan.h"
#include "train/batch.h"
#include "train/data/synth_dataset.h"

namespace sg {

/// One column of a sample grid: a change that is asked of every face.
struct TargetColumn {
    std::string name;  ///< the label, e.g. "Blond_Hair" or "happy"
    int group;         ///< whose label it is
    int label;         ///< its index in the group
};
/// One column per label, group by group.
std::vector<TargetColumn> target_columns(const LabelLayout& layout);
/// `own` with the column's label set (one-hot and hair colours: set it, clear those it excludes)
/// or flipped (all other attributes), as in the official code.
std::vector<float> target_labels(const LabelGroup& group, std::span<const float> own, int label);
/// The same for the labels of many images, one behind the other.
std::vector<float> all_targets(const LabelGroup& group, std::span<const float> own, int label);

/// Images of a data set with their labels.
struct Faces {
    Tensor images;              ///< [N, H, W, 3] in [-1, 1]
    std::vector<float> labels;  ///< [N, dim]
};
Faces load_faces(Device& device, const Dataset& dataset, std::span<const int64_t> items,
                 ImageSize size);

/// Held-out faces of every data set with their labels, kept on the device for all sample grids of a
/// run.
class SampleGrid {
  public:
    SampleGrid(const LabelLayout& labels, ImageSize size) : layout_(labels), size_(size) {}
    /// Faces whose labels of `group` are known.
    void add(Device& device, const Dataset& dataset, std::span<const int64_t> items, int group);
    bool empty() const { return rows_.empty(); }
    /// PNG: a row per face; first column the input, then one column per target. What D's class head
    /// sees stands in for the labels of groups that a face has none of.
    void write(const StarGan& model, const std::filesystem::path& path) const;

  private:
    struct Rows {
        Faces faces;
        int group;
    };
    LabelLayout layout_;
    ImageSize size_;
    std::vector<Rows> rows_;
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
