#pragma once

#include "kernels/conv/conv_shape.h"
#include "kernels/conv/matrix/gather.h"
#include "kernels/conv/matrix/product.h"

// A stride-1 convolution to few channels (G's 7x7 head: three) would use 3 of a vector's 16 lanes.
// Its taps s along a line can be columns of the product instead:
//   Z[p, j, (s,k)] = sum over r, c of x[p + r - pad, j, c] w[k, r, s, c]     S K columns, R taps
//   y[p, q, k]     = sum over s of Z[p, q + s - pad, (s,k)]
// which also reads each line of x R times instead of R S times, and where it lies. dgrad is the
// same with pad - r and pad - s for r - pad and s - pad.

namespace sg {

/// Whether a pass with `channels` results per pixel is computed that way.
inline bool can_fold(const ConvShape& s, int64_t channels) {
    constexpr int64_t least_columns = 16;  // of the image: what the edges waste is little then
    return s.stride == 1 && s.S > 1 && s.S * channels <= 2 * vector_floats &&
           std::min(s.W, s.Q()) >= least_columns;
}

/// The reading of x or grad_y by columns j of the image: one tap for each r.
inline Gather folded_gather(const Gather& g, const ConvShape& s) {
    Gather folded{g.N, g.H, g.W, g.C, g.rows, g.W, 1, {}};
    for (int64_t r = 0; r < s.R; ++r) folded.taps.push_back({g.taps[size_t(r * s.S)].dy, 0, r, 0});
    return folded;
}

/// wgrad's other operand: at column j the gradients of all the pixels that read it, (s,k) of them.
inline Gather folded_gradients(const ConvShape& s) {
    Gather g{s.N, s.P(), s.Q(), s.K, s.P(), s.W, 1, {}};
    for (int64_t t = 0; t < s.S; ++t) g.taps.push_back({0, s.pad - t, 0, t});
    return g;
}

}  // namespace sg
