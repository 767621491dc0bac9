#include "train/data/balance.h"

#include <algorithm>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"

namespace sg {

namespace {

/// [items, dim] labels as 0/1.
std::vector<uint8_t> labels_of(const Dataset& dataset, std::span<const int64_t> items, size_t dim) {
    std::vector<uint8_t> labels;
    labels.reserve(items.size() * dim);
    std::vector<float> row(dim);
    for (const int64_t item : items) {
        dataset.read_labels(item, row);
        for (const float value : row) labels.push_back(value != 0);
    }
    return labels;
}

}  // namespace

BalancedDraw::BalancedDraw(const Dataset& dataset, std::span<const int64_t> items) {
    // 1 / n in units of 2^-48. The weights of one value of a label add up to at most 1, so all of
    // them to at most 2 dim, which leaves room in 64 bits.
    constexpr uint64_t one = uint64_t{1} << 48;
    const auto dim = size_t(dataset.label_group().dim());
    require(dim < 1 << 14 && items.size() < one, "balance", "{} labels of {} items are too many",
            dim, items.size());
    const bool one_hot = dataset.label_group().kind == LabelKind::one_hot;
    const std::vector<uint8_t> labels = labels_of(dataset, items, dim);
    std::vector<uint64_t> counts(2 * dim);  // of values 0 and 1 of each label
    for (size_t i = 0; i < labels.size(); ++i) ++counts[2 * (i % dim) + labels[i]];
    uint64_t sum = 0;
    for (size_t i = 0; i < items.size(); ++i) {
        for (size_t k = 0; k < dim; ++k) {
            const uint8_t value = labels[i * dim + k];
            if (value || !one_hot) sum += one / counts[2 * k + value];
        }
        sums_.push_back(sum);
    }
    require(sum > 0, "balance", "none of {} items has a label of {}", items.size(),
            dataset.label_group().name);
}

int64_t BalancedDraw::position(uint64_t seed, uint32_t iteration, int slot) const {
    const auto words = Rng{seed, RngPurpose::balanced_item, iteration}.words(uint64_t(slot));
    const uint64_t bits = uint64_t{words[1]} << 32 | words[0];
    // Uniform in [0, sum), as Rng::below.
    const auto drawn = uint64_t((static_cast<unsigned __int128>(bits) * sums_.back()) >> 64);
    return std::upper_bound(sums_.begin(), sums_.end(), drawn) - sums_.begin();
}

}  // namespace sg
