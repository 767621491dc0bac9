#pragma once

#include "kernels/conv/matrix/gather.h"

namespace sg {

/// Where a product's results go: pixel (i, j) of image n to pixel (a + stride i, b + stride j).
template <class Out>
struct Target {
    Out* out;
    int64_t H, W, columns;
    int64_t a, b, stride;
    const float* bias;
    float slope;

    void write(const Gather& g, int64_t m, int64_t column, int64_t count, const float* sums) const {
        const int64_t j = m % g.columns, i = m / g.columns % g.rows, n = m / (g.columns * g.rows);
        finish(out + ((n * H + a + i * stride) * W + b + j * stride) * columns + column, column,
               count, sums);
    }
    /// to[k] = the result for sums[k], whose channel is column + k.
    void finish(Out* to, int64_t column, int64_t count, const float* sums) const {
        for (int64_t k = 0; k < count; ++k) {
            const float v = bias ? sums[k] + bias[column + k] : sums[k];
            store(to[k], v > 0 ? v : v * slope);
        }
    }
};

}  // namespace sg
