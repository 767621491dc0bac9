#pragma once

#include "kernels/conv/gemm/copy.cuh"
#include "kernels/conv/gemm/pixels.cuh"

// Copies of operand tiles that are gathered from a tensor's pixels. Nothing is unfolded in memory;
// a tap outside the image arrives as zero.

namespace sg {

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

}  // namespace sg
