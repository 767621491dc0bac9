#pragma once

#include <algorithm>
#include <atomic>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "train/data/dataset.h"

namespace sg::testing {

/// Random images that lie in memory, with random labels; some items are damaged.
class StoredData : public Dataset {
  public:
    StoredData(int64_t count, ImageSize size, LabelGroup group, uint64_t seed = 1)
        : group_(std::move(group)), count_(count), size_(size), rng_{.seed = seed} {
        pixels_.resize(size_t(count * image_bytes()));
        for (size_t i = 0; i < pixels_.size(); i += 4) {
            const uint32_t word = rng_.bits(i);
            for (size_t k = 0; k < 4 && i + k < pixels_.size(); ++k)
                pixels_[i + k] = uint8_t(word >> 8 * k);
        }
    }

    const LabelGroup& label_group() const override { return group_; }
    const DataSummary& summary() const override { return summary_; }
    int64_t size() const override { return count_; }
    std::string item_name(int64_t index) const override { return "item" + std::to_string(index); }
    void read_labels(int64_t index, std::span<float> labels) const override {
        for (size_t k = 0; k < labels.size(); ++k)
            labels[k] = float(rng_.bits((uint64_t{1} << 40) + index * labels.size() + k) & 1);
    }
    void read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const override {
        ++reads;
        if (index == fatal) throw std::runtime_error("disk on fire");
        require(std::count(damaged.begin(), damaged.end(), index) == 0, "stored", "{} is damaged",
                index);
        require(size == size_, "stored", "no images of this size");
        std::copy_n(pixels_.begin() + index * image_bytes(), image_bytes(), pixels.begin());
    }
    bool stored(ImageSize size) const override { return size == size_; }
    /// Of all images, in order.
    const std::vector<uint8_t>& pixels() const { return pixels_; }
    int64_t image_bytes() const { return int64_t{3} * size_.height * size_.width; }
    std::vector<int64_t> all_items() const {
        std::vector<int64_t> items(size_t(count_), 0);
        std::iota(items.begin(), items.end(), 0);
        return items;
    }

    mutable std::atomic<int> reads{0};
    std::vector<int64_t> damaged;
    int64_t fatal = -1;

  private:
    LabelGroup group_;
    DataSummary summary_;
    int64_t count_;
    ImageSize size_;
    Rng rng_;
    std::vector<uint8_t> pixels_;
};

}  // namespace sg::testing
