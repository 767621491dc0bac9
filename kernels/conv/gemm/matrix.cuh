#pragma once

#include "kernels/common/divide.h"
#include "kernels/conv/gemm/copy.cuh"

// Copies of operand tiles that lie in memory as matrices: weights, and grad_y in wgrad.

namespace sg {

/// A plain matrix [rows][columns]. B of forward (rows = side) and A of wgrad (rows = depth): only
/// what the tile's moving index is differs.
template <class Layout, int threads, int V, class T>
class PlainMatrix {
    using Mine = Share<Layout, threads, V>;

  public:
    /// `first`: the tile's place along its side.
    __device__ PlainMatrix(Global<const T> source, int rows, int columns, int first)
        : source_(source), rows_(rows), columns_(columns), first_(first) {}
    __device__ void copy(Shared<T> tile, int k) const {
        constexpr bool by_depth = Layout::by_depth;
        const int column = (by_depth ? k : first_) + Mine::column();
#pragma unroll(Mine::unroll)
        for (int i = 0; i < Mine::count; ++i) {
            const int row = (by_depth ? first_ : k) + Mine::row(i);
            put<Layout, V>(tile, Mine::row(i), Mine::column(), source_,
                           row < rows_ && column < columns_,
                           [&] { return row * columns_ + column; });
        }
    }

  private:
    Global<const T> source_;
    int rows_, columns_, first_;
};

/// The taps of a kernel that one phase of dgrad uses: (r0 + stride*r', s0 + stride*s').
struct PhaseTaps {
    int R, S, C;  ///< of the weights [K][R][S][C]
    int r0, s0, stride;
    Divider by_filter, tap_columns;  ///< K; taps s' in a row
};

/// Rows = (r',s',k), columns = c: B of dgrad.
template <class Layout, int threads, int V, class T>
class PhaseWeights {
    using Mine = Share<Layout, threads, V>;

  public:
    __device__ PhaseWeights(const PhaseTaps& taps, Global<const T> w, int first, int depth)
        : taps_(taps), w_(w), c_(first + Mine::column()), depth_(depth) {}
    __device__ void copy(Shared<T> tile, int k) const {
#pragma unroll(Mine::unroll)
        for (int i = 0; i < Mine::count; ++i) {
            int row = k + Mine::row(i);
            const bool valid = row < depth_ && c_ < taps_.C;
            const int filter = taps_.by_filter.split(row), s = taps_.tap_columns.split(row);
            put<Layout, V>(tile, Mine::row(i), Mine::column(), w_, valid, [&] {
                const int r = taps_.r0 + taps_.stride * row;
                return ((filter * taps_.R + r) * taps_.S + taps_.s0 + taps_.stride * s) * taps_.C +
                       c_;
            });
        }
    }

  private:
    const PhaseTaps& taps_;
    Global<const T> w_;
    int c_, depth_;
};

}  // namespace sg
