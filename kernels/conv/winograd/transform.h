#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/common/bf16.h"
#include "kernels/conv/matrix/product.h"

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
// columns. Each map below takes a line of `from` vectors to one of `to`.
//
// The points are those that lost least of the ones tried (256 channels of normal numbers; the error
// of plain f32 sums is 1): three taps 5 (10 at the textbook's 1 and 2), two taps 2.7. All constants
// that matter are exact in f32.

namespace sg::winograd {

typedef float Vector
    __attribute__((vector_size(vector_floats * sizeof(float)), aligned(4), may_alias));

inline Vector load(const float* from) {
    return *reinterpret_cast<const Vector*>(from);
}
inline Vector load(const bf16* from) {
    typedef uint16_t Halves __attribute__((vector_size(vector_floats * 2), aligned(2), may_alias));
    typedef uint32_t Words __attribute__((vector_size(vector_floats * 4)));
    const Words words = __builtin_convertvector(*reinterpret_cast<const Halves*>(from), Words)
                        << 16;
    Vector v;
    std::memcpy(&v, &words, sizeof v);
    return v;
}
inline void store_vector(float* to, const Vector& v) {
    *reinterpret_cast<Vector*>(to) = v;
}
inline void store_vector(bf16* to, const Vector& v) {
    float lanes[vector_floats];
    store_vector(lanes, v);
    for (int i = 0; i < vector_floats; ++i) store(to[i], lanes[i]);
}

/// F(4x4, 3x3) at 0, a, -a, b, -b and infinity: 36 products instead of 144.
struct ThreeTaps {
    static constexpr int outputs = 4, taps = 3, points = 6;
    static constexpr float a = 0.75f, b = 1.5f, a2 = a * a, b2 = b * b;
    /// Of G: the products of differences at 0, at a and at b.
    static constexpr float n0 = a2 * b2, na = 2 * a2 * (a2 - b2), nb = 2 * b2 * (b2 - a2);

    struct PixelsToPoints {  ///< B^T
        static constexpr int from = points, to = points;
        static void map(const Vector (&d)[from], Vector (&out)[to]) {
            const Vector even_a = d[4] - b2 * d[2], odd_a = a * (d[3] - b2 * d[1]);
            const Vector even_b = d[4] - a2 * d[2], odd_b = b * (d[3] - a2 * d[1]);
            out[0] = d[4] - (a2 + b2) * d[2] + (a2 * b2) * d[0];
            out[1] = even_a + odd_a;
            out[2] = even_a - odd_a;
            out[3] = even_b + odd_b;
            out[4] = even_b - odd_b;
            out[5] = d[5] - (a2 + b2) * d[3] + (a2 * b2) * d[1];
        }
    };

    struct WeightsToPoints {  ///< G
        static constexpr int from = taps, to = points;
        static void map(const Vector (&g)[from], Vector (&out)[to]) {
            const Vector even_a = (1 / na) * g[0] + (a2 / na) * g[2], odd_a = (a / na) * g[1];
            const Vector even_b = (1 / nb) * g[0] + (b2 / nb) * g[2], odd_b = (b / nb) * g[1];
            out[0] = (1 / n0) * g[0];
            out[1] = even_a + odd_a;
            out[2] = even_a - odd_a;
            out[3] = even_b + odd_b;
            out[4] = even_b - odd_b;
            out[5] = g[2];
        }
    };

    struct PointsToOutputs {  ///< A^T
        static constexpr int from = points, to = outputs;
        static void map(const Vector (&m)[from], Vector (&out)[to]) {
            const Vector even_a = m[1] + m[2], odd_a = m[1] - m[2];
            const Vector even_b = m[3] + m[4], odd_b = m[3] - m[4];
            out[0] = m[0] + even_a + even_b;
            out[1] = a * odd_a + b * odd_b;
            out[2] = a2 * even_a + b2 * even_b;
            out[3] = a2 * a * odd_a + b2 * b * odd_b + m[5];
        }
    };

    struct OutputsToPoints {  ///< A, of the gradients by the outputs
        static constexpr int from = outputs, to = points;
        static void map(const Vector (&y)[from], Vector (&out)[to]) {
            const Vector even_a = y[0] + a2 * y[2], odd_a = a * y[1] + (a2 * a) * y[3];
            const Vector even_b = y[0] + b2 * y[2], odd_b = b * y[1] + (b2 * b) * y[3];
            out[0] = y[0];
            out[1] = even_a + odd_a;
            out[2] = even_a - odd_a;
            out[3] = even_b + odd_b;
            out[4] = even_b - odd_b;
            out[5] = y[3];
        }
    };

    struct PointsToWeights {  ///< G^T, of the gradients at the points
        static constexpr int from = points, to = taps;
        static void map(const Vector (&u)[from], Vector (&out)[to]) {
            const Vector even_a = (u[1] + u[2]) * (1 / na), odd_a = (u[1] - u[2]) * (a / na);
            const Vector even_b = (u[3] + u[4]) * (1 / nb), odd_b = (u[3] - u[4]) * (b / nb);
            out[0] = (1 / n0) * u[0] + even_a + even_b;
            out[1] = odd_a + odd_b;
            out[2] = a2 * even_a + b2 * even_b + u[5];
        }
    };
};

/// F(4x4, 2x2) at a, -a, b, -b and infinity: 25 products instead of 64.
struct TwoTaps {
    static constexpr int outputs = 4, taps = 2, points = 5;
    static constexpr float a = 0.5f, b = 1.25f, a2 = a * a, b2 = b * b;
    static constexpr float na = 2 * a * (a2 - b2), nb = 2 * b * (b2 - a2);

    struct PixelsToPoints {  ///< B^T
        static constexpr int from = points, to = points;
        static void map(const Vector (&d)[from], Vector (&out)[to]) {
            const Vector even_a = d[3] - b2 * d[1], odd_a = a * (d[2] - b2 * d[0]);
            const Vector even_b = d[3] - a2 * d[1], odd_b = b * (d[2] - a2 * d[0]);
            out[0] = even_a + odd_a;
            out[1] = even_a - odd_a;
            out[2] = even_b + odd_b;
            out[3] = even_b - odd_b;
            out[4] = d[4] - (a2 + b2) * d[2] + (a2 * b2) * d[0];
        }
    };

    struct WeightsToPoints {  ///< G
        static constexpr int from = taps, to = points;
        static void map(const Vector (&g)[from], Vector (&out)[to]) {
            const Vector even_a = (1 / na) * g[0], odd_a = (a / na) * g[1];
            const Vector even_b = (1 / nb) * g[0], odd_b = (b / nb) * g[1];
            out[0] = odd_a + even_a;
            out[1] = odd_a - even_a;
            out[2] = odd_b + even_b;
            out[3] = odd_b - even_b;
            out[4] = g[1];
        }
    };

    struct PointsToOutputs {  ///< A^T
        static constexpr int from = points, to = outputs;
        static void map(const Vector (&m)[from], Vector (&out)[to]) {
            const Vector even_a = m[0] + m[1], odd_a = m[0] - m[1];
            const Vector even_b = m[2] + m[3], odd_b = m[2] - m[3];
            out[0] = even_a + even_b;
            out[1] = a * odd_a + b * odd_b;
            out[2] = a2 * even_a + b2 * even_b;
            out[3] = a2 * a * odd_a + b2 * b * odd_b + m[4];
        }
    };

    struct OutputsToPoints {  ///< A, of the gradients by the outputs
        static constexpr int from = outputs, to = points;
        static void map(const Vector (&y)[from], Vector (&out)[to]) {
            const Vector even_a = y[0] + a2 * y[2], odd_a = a * y[1] + (a2 * a) * y[3];
            const Vector even_b = y[0] + b2 * y[2], odd_b = b * y[1] + (b2 * b) * y[3];
            out[0] = even_a + odd_a;
            out[1] = even_a - odd_a;
            out[2] = even_b + odd_b;
            out[3] = even_b - odd_b;
            out[4] = y[3];
        }
    };

    struct PointsToWeights {  ///< G^T, of the gradients at the points
        static constexpr int from = points, to = taps;
        static void map(const Vector (&u)[from], Vector (&out)[to]) {
            out[0] = (u[0] - u[1]) * (1 / na) + (u[2] - u[3]) * (1 / nb);
            out[1] = (u[0] + u[1]) * (a / na) + (u[2] + u[3]) * (b / nb) + u[4];
        }
    };
};

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
