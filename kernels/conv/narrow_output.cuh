#pragma once

// How narrow_output cuts grad_x into strips for blocks, and these into tiles of columns.

#include "kernels/conv/narrow.cuh"

namespace sg {

namespace {

/// What the compiler must know: strides and sizes that index registers.
template <int stride_, int R_, int tiles_, int wide_>
struct OutputShape {
    static constexpr int stride = stride_, R = R_;  ///< R: the most rows of a kernel
    static constexpr int tiles = tiles_;            ///< of 8 columns (s,c)
    static constexpr int wide = wide_;              ///< rows of grad_y at a time
    static constexpr int rows = (wide - 1) * stride + R, done = wide * stride;
    static constexpr int exchanged = done < 4 ? done : 4;  ///< rows of Z in shared memory
    static constexpr int weight_words = tiles * 32 * 4;    ///< per chunk and r
    static constexpr int carry_row = tiles * 8 * 8;        ///< floats

    using Sums = float[rows][tiles][4];
    using Rows = Vec<unsigned, 4>[wide][2];  ///< grad_y's fragments: pixels group, group + 8
};

/// A block takes a strip of grad_x, `height` rows, tile by tile from left to right. A tile is 16
/// columns of grad_y per warp and those of grad_x that it completes. The columns of Z at its right
/// border are needed by the next tile too, so they are carried over in shared memory.
struct OutputPlan {
    static constexpr int most_warps = 8, halo = 8;  ///< halo: columns carried over, S - 1 or more

    NarrowExtents e;
    int warps, across;           ///< of a block; tiles side by side
    int height = 0, strips = 1;  ///< below each other in an image
    int chunks;                  ///< of 32 wide channels
    bool resident = true;        ///< whether the weights of all chunks fit shared memory
    int pitch;                   ///< of a column (s,c) of Z; 4 mod 16: no bank conflicts
    /// Whether the result, grad_y and the weights allow vector accesses.
    bool vectors = false, aligned = false, channels_last = false;
    Divider by_items;  ///< the most columns of grad_x of a tile, those of one parity

    struct Columns {
        int q0, w0, w1;  ///< from q0 on in grad_y, w0 .. w1 - 1 in grad_x
    };
    __host__ __device__ Columns columns(int tile) const {
        const int q0 = tile * warps * 16, q1 = q0 + warps * 16;
        const auto complete = [this](int q) {  // columns of grad_x that no q or later one reaches
            const int w = q * e.stride - e.pad;
            return w < 0 ? 0 : w < e.W ? w : e.W;
        };
        return {q0, tile == 0 ? 0 : complete(q0), tile + 1 == across ? e.W : complete(q1)};
    }

    explicit OutputPlan(const ConvShape& shape) : e(shape), chunks(int(pieces_of(e.K, 32))) {
        across = int(pieces_of(e.Q, most_warps * 16));
        warps = int(pieces_of(pieces_of(e.Q, across), 16));
        pitch = warps * 16 + halo + 12;
        int width = 0;
        for (int tile = 0; tile < across; ++tile)
            width = std::max(width, columns(tile).w1 - columns(tile).w0);
        by_items = Divider(pieces_of(width, e.stride));
    }

    /// Shared memory: weights, Z, what is carried over.
    template <class Shape>
    __host__ __device__ int weight_words() const {
        return (resident ? chunks : 1) * e.R * Shape::weight_words;
    }
    template <class Shape>
    __host__ __device__ int z_words() const {
        return Shape::exchanged * Shape::tiles * 8 * pitch;
    }
    template <class Shape>
    size_t shared_bytes(int rows) const {
        const int carried = across > 1 ? rows * Shape::carry_row : 0;
        return size_t(weight_words<Shape>() + z_words<Shape>() + carried) * 4;
    }

    /// Cuts an image's rows into strips: many fill the processors, but each reads R-1 rows more.
    template <class Shape>
    void choose_height(const DeviceProperties& device) {
        resident = shared_bytes<Shape>(Shape::done) <= device.shared_per_block;
        const int64_t together = int64_t{device.processors} * (most_warps / warps);
        int64_t least = INT64_MAX;
        for (int64_t wanted = pieces_of(e.H, Shape::done); wanted >= 1; --wanted) {
            const int64_t rows = pieces_of(pieces_of(e.H, wanted), Shape::done) * Shape::done;
            if (shared_bytes<Shape>(int(rows)) > device.shared_per_block) break;
            const int64_t count = pieces_of(e.H, rows);
            const int64_t time = pieces_of(e.N * count, together) * (rows + e.R - 1);
            if (time > least) continue;
            least = time;
            height = int(rows);
            strips = int(count);
        }
    }
};

}  // namespace

}  // namespace sg
