#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/conv/conv.h"

// Which pixels a convolution reads for which pixel it writes, so that each pass is a matrix product
// of gathered rows. Row m holds, tap after tap, the channels of the pixels that meet in pixel m of
// the result; a tap outside the image is zero.

namespace sg {

/// How many blocks cover `count`; none if it is negative.
inline int64_t blocks(int64_t count, int64_t block) {
    return count <= 0 ? 0 : (count + block - 1) / block;
}

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

/// to[i * to_row + k] = from[i * from_row + k] for i < rows and k < Count (a constant: one or two
/// vectors), or k < count where Count is 0.
template <int Count, class T>
void copy_rows(const T* from, int64_t from_row, float* to, int64_t to_row, int64_t rows,
               int64_t count) {
    const int64_t n = Count > 0 ? Count : count;
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t k = 0; k < n; ++k) to[i * to_row + k] = float(from[i * from_row + k]);
}

template <class T>
void copy_rows(const T* from, int64_t from_row, float* to, int64_t to_row, int64_t rows,
               int64_t count) {
    switch (count) {
        case 8:
            return copy_rows<8>(from, from_row, to, to_row, rows, count);
        case 16:
            return copy_rows<16>(from, from_row, to, to_row, rows, count);
        case 32:
            return copy_rows<32>(from, from_row, to, to_row, rows, count);
        default:
            return copy_rows<0>(from, from_row, to, to_row, rows, count);
    }
}

inline void zero_rows(float* to, int64_t to_row, int64_t rows, int64_t count) {
    for (int64_t i = 0; i < rows; ++i) std::fill_n(to + i * to_row, count, 0.0f);
}

/// out[m - first][d - begin] = element d of row m, for m in [first, last) and d in [begin, end).
/// The result's pixels of one line go together: what they read of a tap lies `step` pixels apart.
template <class T>
void gather_rows(const Gather& g, const T* image, int64_t first, int64_t last, int64_t begin,
                 int64_t end, float* out, int64_t out_row) {
    for (int64_t m = first; m < last;) {
        const int64_t j = m % g.columns, i = m / g.columns % g.rows, n = m / (g.columns * g.rows);
        const int64_t run = std::min(g.columns - j, last - m);
        for (int64_t d = begin; d < end;) {
            const Gather::Tap& tap = g.taps[size_t(d / g.C)];
            const int64_t c = d % g.C, count = std::min(g.C - c, end - d);
            const int64_t y = i * g.step + tap.dy;
            float* to = out + (m - first) * out_row + d - begin;
            // Of pixels j .. j + run those in [low, high) read inside the image.
            const int64_t low = std::clamp<int64_t>(blocks(-tap.dx, g.step) - j, 0, run);
            const int64_t high =
                y < 0 || y >= g.H ? low
                                  : std::clamp<int64_t>(blocks(g.W - tap.dx, g.step) - j, low, run);
            zero_rows(to, out_row, low, count);
            if (low < high)
                copy_rows(image + ((n * g.H + y) * g.W + (j + low) * g.step + tap.dx) * g.C + c,
                          g.step * g.C, to + low * out_row, out_row, high - low, count);
            zero_rows(to + high * out_row, out_row, run - high, count);
            d += count;
        }
        m += run;
    }
}

}  // namespace sg
