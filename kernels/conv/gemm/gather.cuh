#pragma once

#include "kernels/common/divide.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/gemm/tile.cuh"

// The index arithmetic that makes a matrix product of a convolution: how the operands' tiles are
// copied from tensors. Nothing is unfolded in memory; a tap outside the image arrives as zero.

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

/// How the threads of a block share out the copies of a tile: each has one column of it (V elements
/// wide) and every `row_step`-th row.
template <class Layout, int threads, int V>
struct Share {
    static constexpr int per_row = Layout::columns / V;
    static constexpr int row_step = threads / per_row;
    static constexpr int count = Layout::rows / row_step;
    static constexpr int unroll = count <= 8 ? count : 4;
    static_assert(threads % per_row == 0 && Layout::rows % row_step == 0);

    __device__ static int column() { return int(threadIdx.x) % per_row * V; }
    __device__ static int row(int i) { return int(threadIdx.x) / per_row + i * row_step; }
};

/// Copies V elements from source + offset() into a tile, or zeros if not `valid` (offset() may then
/// be anything). Two-byte elements cannot be copied asynchronously.
template <class Layout, int V, class T, class Offset>
__device__ inline void put(Shared<T> tile, int row, int column, Global<const T> source, bool valid,
                           const Offset& offset) {
    const Shared<T> to = tile + Layout::at(row, column);
    if constexpr (V * sizeof(T) >= 4)
        copy_async<int(V * sizeof(T))>(to, source + (valid ? offset() : 0), valid);
    else
        to[0] = valid ? source[offset()] : T(0.0f);
}

/// Rows = positions, columns = (r,s,c): A of forward and dgrad. The positions do not change along
/// the depth, so they are taken apart once (if there are few: not for single elements).
template <class Layout, int threads, int V, class T>
class GatherDepth {
    using Mine = Share<Layout, threads, V>;
    static constexpr bool keep = V > 1;

  public:
    __device__ GatherDepth(const PixelGather& g, Global<const T> source, int first, int positions,
                           int depth)
        : g_(g), source_(source), first_(first), positions_(positions), depth_(depth) {
        if constexpr (keep)
            for (int i = 0; i < Mine::count; ++i) kept_[i] = find(i);
    }
    /// Copies the tile that begins at depth k.
    __device__ void copy(Shared<T> tile, int k) const {
        k += Mine::column();
        const Tap tap = tap_of(g_, k);
#pragma unroll(Mine::unroll)
        for (int i = 0; i < Mine::count; ++i) {
            const Position p = keep ? kept_[keep ? i : 0] : find(i);
            const int h = p.h + tap.dh, w = p.w + tap.dw;
            const bool valid =
                k < depth_ && unsigned(h) < unsigned(g_.height) && unsigned(w) < unsigned(g_.width);
            put<Layout, V>(tile, Mine::row(i), Mine::column(), source_, valid, [&] {
                return ((p.image_row + h) * g_.width + w) * g_.channels + tap.c;
            });
        }
    }

  private:
    __device__ Position find(int i) const {
        constexpr int nowhere = -(1 << 30);  // no tap leads back into the image
        const int m = first_ + Mine::row(i);
        return m < positions_ ? position_of(g_, m) : Position{0, nowhere, nowhere};
    }

    const PixelGather& g_;
    Global<const T> source_;
    int first_, positions_, depth_;
    Position kept_[keep ? Mine::count : 1];
};

/// Rows = positions, columns = (r,s,c) as above, but positions are the depth: B of wgrad.
template <class Layout, int threads, int V, class T>
class GatherSide {
    using Mine = Share<Layout, threads, V>;

  public:
    __device__ GatherSide(const PixelGather& g, Global<const T> source, int first, int columns,
                          int positions)
        : g_(g),
          source_(source),
          tap_(tap_of(g, first + Mine::column())),
          inside_(first + Mine::column() < columns),
          positions_(positions) {}
    __device__ void copy(Shared<T> tile, int m) const {
#pragma unroll(Mine::unroll)
        for (int i = 0; i < Mine::count; ++i) {
            const int row = m + Mine::row(i);
            const Position p = position_of(g_, row);
            const int h = p.h + tap_.dh, w = p.w + tap_.dw;
            const bool valid = inside_ && row < positions_ && unsigned(h) < unsigned(g_.height) &&
                               unsigned(w) < unsigned(g_.width);
            put<Layout, V>(tile, Mine::row(i), Mine::column(), source_, valid, [&] {
                return ((p.image_row + h) * g_.width + w) * g_.channels + tap_.c;
            });
        }
    }

  private:
    const PixelGather& g_;
    Global<const T> source_;
    Tap tap_;
    bool inside_;
    int positions_;
};

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
