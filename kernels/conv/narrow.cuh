#pragma once

// What the kernels of narrow.h share. All three multiply on tensor cores with operands that they
// bring into the fragments' layout (tensor_core.cuh) by their own loads. A product sums over k, and
// any order of k is right that both operands follow; likewise rows and columns may be permuted. So
// each lane's part of k is chosen to lie together in memory, and one load fills several registers.

#include <bit>

#include "kernels/common/divide.h"
#include "kernels/common/elementwise.cuh"
#include "kernels/common/piece.h"
#include "kernels/common/tensor_core.cuh"
#include "kernels/conv/epilogue.cuh"
#include "kernels/conv/narrow.h"

namespace sg {

// Unnamed: Global<T> differs between the two compilers of this file, so each has its own copy.
namespace {

/// A NarrowConv's shape in 32 bits, which indices on the GPU should have (tensors have less than
/// 2^31 elements).
struct NarrowExtents {
    int N, H, W, C, K, P, Q, R, S, stride, pad;

    explicit NarrowExtents(const ConvShape& s)
        : N(int(s.N)),
          H(int(s.H)),
          W(int(s.W)),
          C(int(s.C)),
          K(int(s.K)),
          P(int(s.P())),
          Q(int(s.Q())),
          R(int(s.R)),
          S(int(s.S)),
          stride(int(s.stride)),
          pad(int(s.pad)) {}
};

/// w[k,r,s,c] wherever the strides say that it lies; zero outside.
struct NarrowFilter {
    Global<const bf16> w;
    int wide_stride, narrow_stride, tap_stride, K, R, S, C;
    bool reversed;

    NarrowFilter(const NarrowConv& conv, const bf16* weights)
        : w(weights),
          wide_stride(int(conv.weights.wide_stride)),
          narrow_stride(int(conv.weights.narrow_stride)),
          tap_stride(int(conv.weights.tap_stride)),
          K(int(conv.shape.K)),
          R(int(conv.shape.R)),
          S(int(conv.shape.S)),
          C(int(conv.shape.C)),
          reversed(conv.weights.reversed) {}

    /// Where w[0,r,s,c] lies.
    __device__ int offset(int r, int s, int c) const {
        const int tap = r * S + s;
        return (reversed ? R * S - 1 - tap : tap) * tap_stride + c * narrow_stride;
    }
    __device__ unsigned bits(int k, int r, int s, int c) const {
        const bool inside = k < K && s < S && c < C;
        return inside ? unsigned(w[offset(r, s, c) + k * wide_stride].bits) : 0u;
    }
};

/// The pixels of y cut into tiles of `rows` x `width`, numbered along the rows.
struct PixelTiles {
    int rows, width, count;
    Divider across, down;  ///< tiles side by side, and below each other in an image

    struct Place {
        int n, p0, q0;  ///< image, first row and column
    };

    /// Tiles of at most `pixels` and 128 columns, as equal as a width that is a `multiple` allows.
    PixelTiles(const NarrowExtents& e, int pixels, int multiple) {
        const int64_t wide = pieces_of(e.Q, std::min(pixels, 128));
        width = int(pieces_of(pieces_of(e.Q, wide), multiple)) * multiple;
        rows = std::clamp(pixels / width, 1, e.P);
        across = Divider(pieces_of(e.Q, width));
        down = Divider(pieces_of(e.P, rows));
        count = e.N * across.divisor() * down.divisor();
    }
    __device__ Place place(int tile) const {
        const int q0 = across.split(tile) * width, p0 = down.split(tile) * rows;
        return {tile, p0, q0};
    }
};

/// Eight bf16 as four registers; `aligned` to 16 bytes or not.
__device__ inline Vec<unsigned, 4> load_eight(Global<const bf16> p, bool aligned) {
    if (aligned) return std::bit_cast<Vec<unsigned, 4>>(load<8>(p));
    Vec<unsigned, 4> words;
    for (int i = 0; i < 4; ++i) words[i] = pack(p[2 * i], p[2 * i + 1]);
    return words;
}

/// store_result for V channels, in one access or one by one.
template <int V>
__device__ inline void store_channels(const ConvResult<bf16>& result, const Vec<float, V>& v,
                                      int count, bool vectors, int channel, int64_t element) {
    if (vectors) return store_result(result, v, channel, element);
#pragma unroll
    for (int i = 0; i < V; ++i)
        if (i < count) store_result(result, Vec<float, 1>{v[i]}, channel + i, element + i);
}

}  // namespace

}  // namespace sg
