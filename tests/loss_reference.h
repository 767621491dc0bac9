#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

// The classification losses as their formulas have them, in f64.

namespace sg::testing {

/// A loss and its unweighted gradient.
struct LossValues {
    double value = 0;
    std::vector<double> gradient;
};

inline LossValues bce_reference(int64_t N, const std::vector<double>& z,
                                const std::vector<double>& y) {
    LossValues want;
    for (size_t i = 0; i < z.size(); ++i) {
        const double s = 1 / (1 + std::exp(-z[i]));
        want.value -= (y[i] * std::log(s) + (1 - y[i]) * std::log(1 - s)) / double(N);
        want.gradient.push_back((s - y[i]) / double(N));
    }
    return want;
}

inline LossValues entropy_reference(int64_t N, const std::vector<double>& z,
                                    const std::vector<double>& y) {
    const int64_t L = int64_t(z.size()) / N;
    LossValues want;
    for (int64_t n = 0; n < N; ++n) {
        double sum = 0;
        for (int64_t l = 0; l < L; ++l) sum += std::exp(z[n * L + l]);
        for (int64_t l = 0; l < L; ++l) {
            const double share = std::exp(z[n * L + l]) / sum;
            want.value -= y[n * L + l] * std::log(share) / double(N);
            want.gradient.push_back((share - y[n * L + l]) / double(N));
        }
    }
    return want;
}

}  // namespace sg::testing
