#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/conv/conv.h"

// Which pixels a convolution reads for which pixel it writes, so that each pass is a matrix product
// of gathered rows. Row m holds, tap after tap, the channels of the pixels that meet in pixel m of
// the result; a tap outside the image is zero.

namespace sg {

struct Gather {
    struct Tap {
        int64_t dy, dx;  ///< of the pixel read, relative to step * (i, j)
        int64_t r, s;    ///< of the weight that it is multiplied with
    };
    int64_t N, H, W, C;     ///< the image that is read, NHWC
    int64_t rows, columns;  ///< the result's pixels (i, j) of an image
    int64_t step;           ///< of the reading, from one result pixel to the next
    std::vector<Tap> taps;

    int64_t pixels() const { return N * rows * columns; }
    int64_t depth() const { return int64_t(taps.size()) * C; }
};

/// forward and wgrad: every tap for every pixel of y.
Gather forward_gather(const ConvShape& shape);

/// dgrad: the pixels (a + stride i, b + stride j) of x meet the taps r, s with a + pad - r and
/// b + pad - s multiples of the stride, at pixel ((a + pad - r) / stride + i, ...) of grad_y.
Gather dgrad_gather(const ConvShape& shape, int64_t a, int64_t b);

/// out[m - first][d - begin] = element d of row m, for m in [first, last) and d in [begin, end).
template <class T>
void gather_rows(const Gather& g, const T* image, int64_t first, int64_t last, int64_t begin,
                 int64_t end, float* out, int64_t out_row) {
    for (int64_t m = first; m < last; ++m) {
        const int64_t j = m % g.columns, i = m / g.columns % g.rows, n = m / (g.columns * g.rows);
        float* to = out + (m - first) * out_row;
        for (int64_t d = begin; d < end;) {
            const Gather::Tap& tap = g.taps[size_t(d / g.C)];
            const int64_t c = d % g.C, count = std::min(g.C - c, end - d);
            const int64_t y = i * g.step + tap.dy, x = j * g.step + tap.dx;
            if (y < 0 || y >= g.H || x < 0 || x >= g.W) {
                std::fill_n(to, count, 0.0f);
            } else {
                const T* from = image + ((n * g.H + y) * g.W + x) * g.C + c;
                for (int64_t k = 0; k < count; ++k) to[k] = float(from[k]);
            }
            to += count, d += count;
        }
    }
}

}  // namespace sg
