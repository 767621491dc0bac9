#pragma once

#include <vector>

#include "kernels/common/context.h"
#include "kernels/conv/conv_shape.h"
#include "kernels/conv/matrix/gather.h"
#include "kernels/conv/winograd/three_taps.h"
#include "kernels/conv/winograd/two_taps.h"

// How an image is cut into tiles, and a strided kernel into kernels of stride 1: tap r = 2i + e of
// a kernel of stride 2 meets pixel 2(p + i) + e - pad, so for each parity e of rows, and of
// columns, it has two taps on every other pixel. Their sums make up a result of forward, and each
// gives a quarter of dgrad's pixels. A kernel of stride 1 has one such phase.

namespace sg::winograd {

/// The parities (e, f), and the first tap of each.
struct Phase {
    int64_t e, f;
};
inline std::vector<Phase> phases(const ConvShape& s) {
    if (s.stride == 1) return {{0, 0}};
    return {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
}

/// An NHWC image seen as tiles of 4x4 results, each with the pixels around it that are read. Pixel
/// (u, v) of tile (i, j) is the image's at (step (4i + u) + y, step (4j + v) + x), for each of the
/// offsets (y, x); outside the image it is zero, or not written.
struct Tiles {
    int64_t N, H, W, C;
    int64_t rows, columns;  ///< tiles of an image
    int64_t step;
    struct Offset {
        int64_t y, x;
    };
    std::vector<Offset> offsets;

    int64_t count() const { return N * rows * columns; }
    /// Channels of a tile's pixel, those of all offsets together.
    int64_t depth() const { return int64_t(offsets.size()) * C; }
};

/// Tiles of 4 that cover so many results.
inline int64_t tiles_across(int64_t results) {
    return (results + 3) / 4;
}

/// A tile's Side x Side pixels for one offset.
template <int Side, class T>
struct Window {
    T* first;  ///< pixel (0, 0), which may be outside the image
    int64_t line, pixel;
    int u_begin, u_end, v_begin, v_end;  ///< those inside the image

    Window(const Tiles& t, T* image, int64_t tile, const Tiles::Offset& offset)
        : line(t.step * t.W * t.C), pixel(t.step * t.C) {
        const int64_t j = tile % t.columns, i = tile / t.columns % t.rows;
        const int64_t y = t.step * 4 * i + offset.y, x = t.step * 4 * j + offset.x;
        first = image + ((tile / (t.columns * t.rows) * t.H + y) * t.W + x) * t.C;
        const auto steps = [&](int64_t pixels) {
            return int(std::clamp<int64_t>(blocks(pixels, t.step), 0, Side));
        };
        u_begin = steps(-y), u_end = steps(t.H - y);
        v_begin = steps(-x), v_end = steps(t.W - x);
    }
    bool whole() const { return u_begin + v_begin == 0 && u_end + v_end == 2 * Side; }
    bool inside(int u, int v) const {
        return u >= u_begin && u < u_end && v >= v_begin && v < v_end;
    }
    T* at(int u, int v) const { return first + u * line + v * pixel; }
};

/// Floats from one point to the next of `count` tiles. A vector more than there are: at multiples
/// of 4096 bytes all points of a tile would share one set of the cache.
inline int64_t point_floats(int64_t count, int64_t depth) {
    return count * depth + vector_floats;
}

/// Channels that lie side by side in a panel.
inline int64_t panel_width(int64_t channels) {
    return channels % (2 * vector_floats) == 0 ? 2 * vector_floats : vector_floats;
}

/// `Map` of the tiles [first, last): out[point][depth / width][tile][width].
template <class Map, class T>
void transform(CpuContext& context, const Tiles& tiles, const T* image, int64_t first, int64_t last,
               int64_t width, float* out) {
    const int64_t count = last - first, point = point_floats(count, tiles.depth());
    parallel_for(context, count, [&](int64_t t) {
        int64_t d = 0;
        for (const Tiles::Offset& offset : tiles.offsets) {
            const Window<Map::from, const T> window(tiles, image, first + t, offset);
            const bool whole = window.whole();
            for (int64_t c = 0; c < tiles.C; c += vector_floats, d += vector_floats) {
                float* to = out + (d / width * count + t) * width + d % width;
                const auto write = [&](int i, int j, const Vector& value) {
                    store_vector(to + (i * Map::to + j) * point, value);
                };
                if (whole)
                    map_square<Map>([&](int u, int v) { return load(window.at(u, v) + c); }, write);
                else
                    map_square<Map>(
                        [&](int u, int v) {
                            return window.inside(u, v) ? load(window.at(u, v) + c) : Vector{};
                        },
                        write);
            }
        }
    });
}

}  // namespace sg::winograd
