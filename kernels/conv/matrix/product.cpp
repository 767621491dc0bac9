#include "kernels/conv/matrix/product.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sg {

namespace {

using Tile = void (*)(const float*, int64_t, int64_t, const float*, int64_t, int64_t, float*,
                      int64_t);

/// product_tile for 1 to tile_rows rows.
template <int Vectors, int... Below>
constexpr std::array<Tile, tile_rows> tiles(std::integer_sequence<int, Below...>) {
    return {product_tile<Below + 1, Vectors>...};
}
constexpr auto narrow_tiles = tiles<1>(std::make_integer_sequence<int, tile_rows>());
constexpr auto wide_tiles = tiles<2>(std::make_integer_sequence<int, tile_rows>());

}  // namespace

void product_rows(int64_t rows, int columns, const float* a, int64_t a_row, int64_t a_step,
                  const float* b, int64_t b_row, int64_t depth, float* sums, int64_t sums_row) {
    const auto& tile = columns > vector_floats ? wide_tiles : narrow_tiles;
    for (int64_t i = 0; i < rows; i += tile_rows) {
        const int64_t count = std::min<int64_t>(tile_rows, rows - i);
        tile[size_t(count - 1)](a + i * a_row, a_row, a_step, b, b_row, depth, sums + i * sums_row,
                                sums_row);
    }
}

}  // namespace sg
