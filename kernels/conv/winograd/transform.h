#pragma once

#include "kernels/conv/matrix/vector.h"

// The transforms of Winograd's convolutions F(4x4, 3x3) and F(4x4, 2x2) (Lavin & Gray, CVPR 2016,
// section 4; Toom and Cook's evaluation and interpolation), a vector of channels at a time. Four
// results of a line, y_i = sum over k of d_{i+k} g_k, are
//   y = A^T [(G g) . (B^T d)]
// with a product per point instead of one per tap and result: g and d are polynomials, evaluated at
// some points, multiplied there, and y interpolated. With p_j the finite points,
//   A^T[i][j] = p_j^i            G[j][k] = p_j^k / prod over l != j of (p_j - p_l)
//   B^T[j]    = the coefficients of prod over l != j of (x - p_l)
// and for infinity A^T[3] = 1, G[taps - 1] = 1, B^T = the coefficients of the product over all.
// Points a and -a share their even and odd halves. In two dimensions lines are transformed, then
// columns. three_taps.h and two_taps.h have the maps, each of a line of `from` vectors to one of
// `to`.
//
// The points are those that lost least of the ones tried; the textbook's 1 and 2 lose twice as
// much. All constants that matter are exact in f32. tests/test_winograd_transforms.cpp prints what
// is lost.

namespace sg::winograd {

/// `Map` on lines, then on columns: write(i, j, value) for i, j < Map::to, of what read(i, j) gives
/// for i, j < Map::from.
template <class Map, class Read, class Write>
[[gnu::always_inline]] inline void map_square(const Read& read, const Write& write) {
    Vector lines[Map::from][Map::to];
#pragma GCC unroll 6
    for (int i = 0; i < Map::from; ++i) {
        Vector line[Map::from];
#pragma GCC unroll 6
        for (int j = 0; j < Map::from; ++j) line[j] = read(i, j);
        Map::map(line, lines[i]);
    }
#pragma GCC unroll 6
    for (int j = 0; j < Map::to; ++j) {
        Vector column[Map::from], out[Map::to];
#pragma GCC unroll 6
        for (int i = 0; i < Map::from; ++i) column[i] = lines[i][j];
        Map::map(column, out);
#pragma GCC unroll 6
        for (int i = 0; i < Map::to; ++i) write(i, j, out[i]);
    }
}

}  // namespace sg::winograd
