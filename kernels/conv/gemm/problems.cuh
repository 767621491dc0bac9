#pragma once

#include <algorithm>
#include <vector>

#include "kernels/common/piece.h"
#include "kernels/conv/gemm/gemm.cuh"

// Forward and dgrad as matrix products: the kernels' arguments, for every version of the product.

namespace sg {

/// y [NPQ][K] = (x gathered) [NPQ][RSC] x (w [K][RSC]) transposed.
template <class T>
struct ForwardProblem {
    GemmGrid<T> grid;
    PixelGather x_at;
    Global<const T> x, w;
    int pixels, filters, depth;

    /// The first element of row m of the result, negative beyond it.
    __device__ int element_of(int m) const { return m < pixels ? m * filters : -1; }
};

/// All but the grid. (static: `Global` is another type in nvcc's compilation of this function.)
template <class T, class Out>
static ForwardProblem<T> forward_problem(const ConvForwardArgs<T, Out, T>& args) {
    const ConvShape& s = args.shape;
    return {.grid = {},
            .x_at = pixels_of_x(s),
            .x = args.x,
            .w = args.w,
            .pixels = int(s.N * s.P() * s.Q()),
            .filters = int(s.K),
            .depth = int(s.R * s.S * s.C)};
}

/// With stride s, the pixels of x whose row and column leave the same remainders (row, column) by s
/// meet the same taps: they are a phase. Each of the s^2 phases is a dense product with a part of
/// the taps,
///   grad_x phase [pixels][C] = (grad_y gathered) [pixels][R'S'K] x w [R'S'K][C],
/// and nothing is multiplied by zeros that a stride would insert.
struct DgradPhase {
    PixelGather grad_y_at;  ///< grid: the phase's pixels
    PhaseTaps taps;
    int row, column;
    int pixels, depth;
};

template <class T>
struct DgradProblem {
    static constexpr int phases_per_launch = 4;
    GemmGrid<T> grid;
    Global<const T> grad_y, w;
    int H, W, C, stride;
    DgradPhase phases[phases_per_launch];

    /// The first element of row m of a phase in the result, negative beyond the phase.
    __device__ int element_of(const DgradPhase& phase, int m) const {
        if (m >= phase.pixels) return -1;
        const int j = phase.grad_y_at.columns.split(m), i = phase.grad_y_at.rows.split(m);
        return ((m * H + i * stride + phase.row) * W + j * stride + phase.column) * C;
    }
};

inline DgradPhase dgrad_phase(const ConvShape& s, int64_t row, int64_t column) {
    // Pixel row h = i*stride + row meets the taps r0 + stride*r' at row i + origin - r' of grad_y.
    const int64_t r0 = (row + s.pad) % s.stride, s0 = (column + s.pad) % s.stride;
    const auto taps = [&](int64_t all, int64_t first) {
        return first < all ? pieces_of(all - first, s.stride) : 0;
    };
    const int64_t rows = pieces_of(s.H - row, s.stride),
                  columns = pieces_of(s.W - column, s.stride);
    const int64_t tap_rows = taps(s.R, r0), tap_columns = taps(s.S, s0);
    const Divider by_tap(std::max<int64_t>(tap_columns, 1));
    return {.grad_y_at = {.height = int(s.P()),
                          .width = int(s.Q()),
                          .channels = int(s.K),
                          .rows = Divider(std::max<int64_t>(rows, 1)),
                          .columns = Divider(std::max<int64_t>(columns, 1)),
                          .step = 1,
                          .origin_row = int((row + s.pad) / s.stride),
                          .origin_column = int((column + s.pad) / s.stride),
                          .direction = -1,
                          .tap_columns = by_tap,
                          .by_channel = Divider(s.K)},
            .taps = {.R = int(s.R),
                     .S = int(s.S),
                     .C = int(s.C),
                     .r0 = int(r0),
                     .s0 = int(s0),
                     .stride = int(s.stride),
                     .by_filter = Divider(s.K),
                     .tap_columns = by_tap},
            .row = int(row),
            .column = int(column),
            .pixels = int(s.N * rows * columns),
            .depth = int(tap_rows * tap_columns * s.K)};
}

/// Calls body(problem, phases) with a few phases at a time, as many as a launch takes (grid.z).
template <class T, class Out, class Body>
static void for_dgrad_launches(const ConvDgradArgs<T, Out, T>& args, const GemmGrid<T>& grid,
                               const Body& body) {
    const ConvShape& s = args.shape;
    std::vector<DgradPhase> phases;  // without those that a small image does not have
    for (int64_t row = 0; row < std::min(s.stride, s.H); ++row)
        for (int64_t column = 0; column < std::min(s.stride, s.W); ++column)
            phases.push_back(dgrad_phase(s, row, column));
    DgradProblem<T> problem{grid,     args.grad_y, args.w,        int(s.H),
                            int(s.W), int(s.C),    int(s.stride), {}};
    for (size_t first = 0; first < phases.size(); first += problem.phases_per_launch) {
        const size_t count = std::min<size_t>(problem.phases_per_launch, phases.size() - first);
        std::copy_n(phases.begin() + int64_t(first), count, problem.phases);
        body(problem, unsigned(count));
    }
}

}  // namespace sg
