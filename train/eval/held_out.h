#pragma once

#include <string>

#include "engine/tensor.h"
#include "train/data/dataset.h"

namespace sg {

/// Images of a data set: as bytes, as networks see them, and with their labels.
struct HeldOutImages {
    std::vector<int64_t> items;
    std::vector<uint8_t> pixels;  ///< [N,H,W,3]
    std::vector<float> values;    ///< the same in [-1, 1]
    Tensor images;                ///< the same on the device; undefined if N is 0
    std::vector<float> labels;    ///< [N, dim], the group's own

    int64_t count() const { return int64_t(items.size()); }
};

/// Reads the items in order. Those that do not decode are left out, each with a line in `notes`.
HeldOutImages read_held_out(Device& device, const Dataset& dataset, std::span<const int64_t> items,
                            ImageSize size, std::vector<std::string>& notes);

/// A group's labels [N, dim] as full label vectors [N, label_dim], on the host.
std::vector<float> full_labels(const LabelLayout& layout, int group, std::span<const float> own);

/// Row n of [N, size] values.
template <class Values>
auto row_of(const Values& values, int64_t n, int64_t size) {
    return std::span(values).subspan(size_t(n * size), size_t(size));
}

/// Values in [-1, 1] as the bytes of a saved picture.
std::vector<uint8_t> picture_bytes(std::span<const float> values);

}  // namespace sg
