#pragma once

#include "kernels/common/device.cuh"
#include "kernels/common/divide.h"
#include "kernels/conv/conv_shape.h"

// The index arithmetic that makes a matrix product of a convolution: where the pixels of a tensor
// are found that positions see through taps.

namespace sg {

/// Pixels of a tensor as seen from a grid of positions m = (n*rows + i)*columns + j through taps
/// (r,s): position m and tap (r,s) meet at row i*step + origin_row + direction*r, columns alike.
///   forward, wgrad   position = pixel of y, source = x:   step = stride, origin = -pad, +1
///   dgrad            position = pixel of one phase of x, source = grad_y:  step = 1, -1
struct PixelGather {
    int height, width, channels;  ///< of the source [N, height, width, channels]
    Divider rows, columns;        ///< of the grid
    int step, origin_row, origin_column, direction;
    Divider tap_columns, by_channel;  ///< taps in a row; `channels` as a divider
};

/// x as seen from the pixels of y.
inline PixelGather pixels_of_x(const ConvShape& s) {
    return {.height = int(s.H),
            .width = int(s.W),
            .channels = int(s.C),
            .rows = Divider(s.P()),
            .columns = Divider(s.Q()),
            .step = int(s.stride),
            .origin_row = int(-s.pad),
            .origin_column = int(-s.pad),
            .direction = 1,
            .tap_columns = Divider(s.S),
            .by_channel = Divider(s.C)};
}

/// A position's first row and column in the source, and its image's first row.
struct Position {
    int image_row, h, w;
};
__device__ inline Position position_of(const PixelGather& g, int m) {
    const int j = g.columns.split(m), i = g.rows.split(m);
    return {m * g.height, i * g.step + g.origin_row, j * g.step + g.origin_column};
}

/// A depth or side index (r,s,c), taken apart.
struct Tap {
    int dh, dw, c;
};
__device__ inline Tap tap_of(const PixelGather& g, int k) {
    const int c = g.by_channel.split(k), s = g.tap_columns.split(k);
    return {k * g.direction, s * g.direction, c};
}

}  // namespace sg
