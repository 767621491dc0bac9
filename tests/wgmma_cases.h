#pragma once

#include "kernels/conv/conv.h"
#include "tests/conv_excess.h"

namespace sg::testing {

/// Shapes with more and fewer tiles of depth than slots, rows that do not fill a block, every width
/// of tile, phases of different sizes and phases without taps.
inline const std::vector<ConvShape> kWgmmaShapes = {
    {.N = 1, .H = 5, .W = 7, .C = 64, .K = 64, .R = 3, .S = 3, .pad = 1},
    {.N = 1, .H = 3, .W = 4, .C = 64, .K = 256, .R = 1, .S = 1},
    {.N = 3, .H = 7, .W = 7, .C = 128, .K = 64, .R = 1, .S = 2, .pad = 1},
    {.N = 1, .H = 6, .W = 5, .C = 64, .K = 128, .R = 4, .S = 4, .stride = 2, .pad = 1},
    {.N = 2, .H = 5, .W = 5, .C = 128, .K = 64, .R = 1, .S = 1, .stride = 2},
    {.N = 1, .H = 4, .W = 4, .C = 256, .K = 64, .R = 3, .S = 3, .stride = 3, .pad = 2}};

/// Operands of both passes, as bf16 rounds them.
struct WgmmaNumbers {
    std::vector<double> x, w, grad_y;
    explicit WgmmaNumbers(const ConvShape& s)
        : x(rounded<bf16>(uniform(s.x_size(), 1))),
          w(rounded<bf16>(uniform(s.w_size(), 2))),
          grad_y(rounded<bf16>(uniform(s.y_size(), 3))) {}
};

inline double excess_of(const std::vector<double>& computed, const Sums& exact) {
    return excess<float, float>(computed, exact);
}

}  // namespace sg::testing
