#pragma once

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"

namespace sg {

/// A permutation of 0 .. count-1: Fisher-Yates from the end, drawing rng.below(i, i + 1) for i.
inline std::vector<int64_t> permutation(const Rng& rng, int64_t count) {
    require(count >= 0 && count <= int64_t{UINT32_MAX}, "shuffle",
            "cannot permute {} items, expected 0 to {}", count, UINT32_MAX);
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), int64_t{0});
    for (int64_t i = count - 1; i > 0; --i) {
        std::swap(order[i], order[rng.below(uint64_t(i), uint32_t(i + 1))]);
    }
    return order;
}

}  // namespace sg
