#pragma once

#include "kernels/conv/winograd/transform.h"

namespace sg::winograd {

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

}  // namespace sg::winograd
