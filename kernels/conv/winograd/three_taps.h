#pragma once

#include "kernels/conv/winograd/transform.h"

namespace sg::winograd {

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

}  // namespace sg::winograd
