#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "train/data/dataset.h"

namespace sg::testing {

/// Items with given labels; their images are of no interest.
class LabelledData : public Dataset {
  public:
    LabelledData(LabelKind kind, std::vector<std::string> names,
                 std::vector<std::vector<float>> rows)
        : group_{"g", kind, std::move(names)}, rows_(std::move(rows)) {
        summary_.source = "rows";
    }
    /// Labels are called 0, 1, ...
    LabelledData(LabelKind kind, std::vector<std::vector<float>> rows)
        : LabelledData(kind, {}, std::move(rows)) {
        for (size_t k = 0; k < rows_[0].size(); ++k) group_.names.push_back(std::to_string(k));
    }
    const LabelGroup& label_group() const override { return group_; }
    const DataSummary& summary() const override { return summary_; }
    int64_t size() const override { return int64_t(rows_.size()); }
    std::string item_name(int64_t index) const override { return std::to_string(index); }
    void read_labels(int64_t index, std::span<float> labels) const override {
        std::copy(rows_[index].begin(), rows_[index].end(), labels.begin());
    }
    void read_image(int64_t index, ImageSize, std::span<uint8_t> pixels) const override {
        std::fill(pixels.begin(), pixels.end(), uint8_t(index));
    }
    float label(int64_t item, int k) const { return rows_[item][k]; }

  private:
    LabelGroup group_;
    std::vector<std::vector<float>> rows_;
    DataSummary summary_;
};

}  // namespace sg::testing
