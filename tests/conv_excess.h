#pragma once

#include "tests/reference.h"
#include "tests/support.h"

namespace sg::testing {

/// Worst |computed - exact| in units of what rounding allows: a few roundings of the sum's terms
/// and one of the result. At most 1.
inline double excess(const std::vector<double>& computed, const Sums& exact, double sum_ulp,
                     double out_ulp) {
    constexpr double roundings = 8;  // f32 sums of up to 10^4 random terms stay below 5
    double worst = 0;
    for (size_t i = 0; i < computed.size(); ++i) {
        const double allowed =
            roundings * sum_ulp * exact.magnitude[i] + 1.01 * out_ulp * std::abs(exact.value[i]);
        const double error = std::abs(computed[i] - exact.value[i]);
        if (!(error <= allowed)) worst = std::max(worst, allowed > 0 ? error / allowed : 1e30);
        if (std::isnan(error)) worst = std::numeric_limits<double>::infinity();
    }
    return worst;
}
template <class Sum, class Out>
double excess(const std::vector<double>& computed, const Sums& exact) {
    return excess(computed, exact, half_ulp<Sum>, half_ulp<Out>);
}

/// What Winograd's form is held to: each result comes from sums over all pixels of its tile, with
/// factors that add up to more than the taps do (kernels/conv/winograd/transform.h).
inline Sums as_winograd_sums(Sums exact) {
    const double most = *std::max_element(exact.magnitude.begin(), exact.magnitude.end());
    std::fill(exact.magnitude.begin(), exact.magnitude.end(), 4 * most);
    return exact;
}

}  // namespace sg::testing
