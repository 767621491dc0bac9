#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/data/dataset.h"

namespace sg {

/// Draws items with replacement so that rare labels come about as often as frequent ones: item i
/// has a probability in proportion to
///   one-hot:      1 / n(its class): every class is equally likely, and each of its items;
///   multi-label:  the mean over the labels k of 1 / n(k, i's value of k),
/// n(k, v) being the number of items whose label k is v.
///
/// What multi-label weights do. Call P_k the drawing "toss a coin for label k's value, then take
/// any item with that value". It gives item i 1/2 / n(k, i's value of k), so the mean over k is the
/// drawing "take any label k, then P_k" (if both values of every label occur). With probability
/// 1/K the label taken is j itself, and then its values are equally likely. Otherwise P_k shows j
/// as often as it goes with k: if the labels are independent, in its share p among the items. So j
/// comes with probability p + (1/2 - p) / K, a K-th part of the way from p to 1/2, and not all the
/// way, because the other labels' drawings leave j where it was. Labels that depend on each other
/// push each other further, or back. Weights that make all labels exactly equal need not exist: of
/// three hair colours that exclude each other not every one can be on half of the faces.
class BalancedDraw {
  public:
    /// Among `items` of `dataset`. Throws Error if none has a weight (one-hot items of no class).
    BalancedDraw(const Dataset& dataset, std::span<const int64_t> items);

    /// The position in `items` of what slot `slot` of batch `iteration` shows: a function of these
    /// and of the items' labels alone, in integers, so the same on every machine.
    int64_t position(uint64_t seed, uint32_t iteration, int slot) const;

  private:
    std::vector<uint64_t> sums_;  // [items]: of the weights up to and with this one
};

}  // namespace sg
