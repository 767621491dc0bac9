#pragma once

#include "kernels/conv/winograd/transform.h"

// The tiles of an image: 4x4 pixels of the result, for which 6x6 pixels are read.

namespace sg::winograd {

/// An image in tiles. Tile (i, j) begins at pixel (4i - before, 4j - before).
struct Tiles {
    int64_t N, H, W, C;     ///< the image, NHWC
    int64_t rows, columns;  ///< tiles of an image
    int64_t before;         ///< pixels that the first tile begins outside

    int64_t count() const { return N * rows * columns; }

    struct Place {
        int64_t n, y, x;  ///< image, first line and column; may be outside
    };
    Place place(int64_t tile) const {
        const int64_t j = tile % columns, i = tile / columns % rows;
        return {tile / (columns * rows), i * outputs - before, j * outputs - before};
    }
};

inline int64_t tiles_across(int64_t pixels) {
    return (pixels + outputs - 1) / outputs;
}

/// A tile's Side x Side pixels; `pixel` is null outside the image.
template <int Side, class T>
struct Window {
    const T* pixel[Side][Side];

    Window(const Tiles& t, const T* image, int64_t tile) {
        const Tiles::Place at = t.place(tile);
        for (int u = 0; u < Side; ++u)
            for (int v = 0; v < Side; ++v) {
                const int64_t y = at.y + u, x = at.x + v;
                const bool inside = y >= 0 && y < t.H && x >= 0 && x < t.W;
                pixel[u][v] = inside ? image + ((at.n * t.H + y) * t.W + x) * t.C : nullptr;
            }
    }
    /// The vector of channels from c on; zero outside.
    Vector read(int u, int v, int64_t c) const {
        return pixel[u][v] ? load(pixel[u][v] + c) : Vector{};
    }
};

/// `Map` of a tile's pixels: channel c at point p goes to to[p * point_floats + place(c)].
template <class Map, class T, class Place>
void to_points(const Tiles& tiles, const T* image, int64_t tile, float* to, int64_t point_floats,
               const Place& place) {
    const Window<Map::from, T> window(tiles, image, tile);
    for (int64_t c = 0; c < tiles.C; c += vector_floats) {
        float* at = to + place(c);
        map_square<Map>([&](int u, int v) { return window.read(u, v, c); },
                        [&](int i, int j, const Vector& value) {
                            store_vector(at + (i * points + j) * point_floats, value);
                        });
    }
}

}  // namespace sg::winograd
