#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/common/philox.h"

// Operands for the benchmark, and how far a result is from what it should be.

namespace sg {

/// `count` values in [low, high), the same in every run.
template <class T>
std::vector<T> uniform_values(int64_t count, uint64_t seed, float low, float high) {
    const Rng rng{.seed = seed};
    std::vector<T> values(count);
    for (int64_t i = 0; i < count; ++i) values[i] = T(low + (high - low) * rng.uniform(i));
    return values;
}

/// Largest error, in units of the largest value; infinite if there is a NaN.
template <class T>
double relative_error(const std::vector<T>& got, const std::vector<double>& want) {
    double largest = 0, scale = 0;
    for (size_t i = 0; i < want.size(); ++i) {
        const double difference = std::abs(double(float(got[i])) - want[i]);
        if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
        largest = std::max(largest, difference);
        scale = std::max(scale, std::abs(want[i]));
    }
    return scale > 0 ? largest / scale : largest;
}

}  // namespace sg
