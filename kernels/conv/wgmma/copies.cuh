#pragma once

#include "kernels/conv/gemm/gather.cuh"
#include "kernels/conv/gemm/matrix.cuh"

// The operands' copies for tiles of depth that lie in one tap (r,s), which they do where channels
// come in multiples of the tile's depth: what GatherDepth, PlainMatrix and PhaseWeights find out
// for each copy holds for the whole tile, and the columns never end inside one. `tap_of` and its
// like divide once per tile; a copy is then little more than an addition.

namespace sg {

/// Rows = positions, columns = (r,s,c): A of forward and dgrad.
template <class Layout, int threads>
class TapGather {
    using Mine = Share<Layout, threads, 8>;

  public:
    __device__ TapGather(const PixelGather& g, Global<const bf16> source, int first, int positions)
        : g_(g), source_(source) {
        constexpr int nowhere = -(1 << 30);  // no tap leads back into the image
        for (int i = 0; i < Mine::count; ++i) {
            const int m = first + Mine::row(i);
            const Position p = position_of(g, m < positions ? m : 0);
            h_[i] = m < positions ? p.h : nowhere;
            w_[i] = p.w;
            offset_[i] = ((p.image_row + p.h) * g.width + p.w) * g.channels + Mine::column();
        }
    }
    /// Copies the tile that begins at depth k.
    __device__ void copy(Shared<bf16> tile, int k) const {
        const Tap tap = tap_of(g_, k);
        const int move = (tap.dh * g_.width + tap.dw) * g_.channels + tap.c;
#pragma unroll
        for (int i = 0; i < Mine::count; ++i) {
            const bool valid = unsigned(h_[i] + tap.dh) < unsigned(g_.height) &&
                               unsigned(w_[i] + tap.dw) < unsigned(g_.width);
            copy_async<16>(tile + Layout::at(Mine::row(i), Mine::column()),
                           source_ + (valid ? offset_[i] + move : 0), valid);
        }
    }

  private:
    const PixelGather& g_;
    Global<const bf16> source_;
    int h_[Mine::count], w_[Mine::count];
    int offset_[Mine::count];  ///< of the position's pixel, where its tap is (0,0)
};

/// Copies a tile whose rows lie `pitch` elements apart, this thread's first 16 bytes at `from`.
template <class Layout, int threads>
__device__ inline void copy_rows(Shared<bf16> tile, Global<const bf16> from, int pitch) {
    using Mine = Share<Layout, threads, 8>;
#pragma unroll
    for (int i = 0; i < Mine::count; ++i)
        copy_async<16>(tile + Layout::at(Mine::row(i), Mine::column()),
                       from + i * Mine::row_step * pitch);
}

/// Rows = filters, columns = (r,s,c): B of forward, w [K][RSC].
template <class Layout, int threads>
class FilterRows {
    using Mine = Share<Layout, threads, 8>;

  public:
    __device__ FilterRows(Global<const bf16> w, int depth, int first)
        : from_(w + ((first + Mine::row(0)) * depth + Mine::column())), depth_(depth) {}
    __device__ void copy(Shared<bf16> tile, int k) const {
        copy_rows<Layout, threads>(tile, from_ + k, depth_);
    }

  private:
    Global<const bf16> from_;
    int depth_;
};

/// Rows = (r',s',k), columns = c: B of dgrad, w [K][R][S][C] with a phase's taps.
template <class Layout, int threads>
class TapWeights {
    using Mine = Share<Layout, threads, 8>;

  public:
    __device__ TapWeights(const PhaseTaps& taps, Global<const bf16> w, int first)
        : taps_(taps), w_(w), c_(first + Mine::column()), pitch_(taps.R * taps.S * taps.C) {}
    __device__ void copy(Shared<bf16> tile, int k) const {
        int r = k;
        const int filter = taps_.by_filter.split(r) + Mine::row(0), s = taps_.tap_columns.split(r);
        const int tap = (taps_.r0 + taps_.stride * r) * taps_.S + taps_.s0 + taps_.stride * s;
        copy_rows<Layout, threads>(tile, w_ + (filter * pitch_ + tap * taps_.C + c_), pitch_);
    }

  private:
    const PhaseTaps& taps_;
    Global<const bf16> w_;
    int c_, pitch_;
};

}  // namespace sg
