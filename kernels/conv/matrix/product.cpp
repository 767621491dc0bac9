#include "kernels/conv/matrix/product.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace sg {

namespace {

using Tile = void (*)(const float*, int64_t, int64_t, const float*, int64_t, int64_t, float*,
                      int64_t, bool);

/// product_tile for 1, 2, ... rows.
template <int Vectors, int... Below>
constexpr std::array<Tile, sizeof...(Below)> tiles(std::integer_sequence<int, Below...>) {
    return {product_tile<Below + 1, Vectors>...};
}
constexpr auto one_vector = tiles<1>(std::make_integer_sequence<int, tile_rows>());
constexpr auto two_vectors = tiles<2>(std::make_integer_sequence<int, tile_rows>());
constexpr auto four_vectors = tiles<4>(std::make_integer_sequence<int, tile_rows / 2>());

}  // namespace

void product_rows(int64_t rows, int columns, const float* a, int64_t a_row, int64_t a_step,
                  const float* b, int64_t b_row, int64_t depth, float* sums, int64_t sums_row,
                  bool fresh) {
    const Tile* tiles = columns == vector_floats       ? one_vector.data()
                        : columns == 2 * vector_floats ? two_vectors.data()
                                                       : four_vectors.data();
    for (int64_t i = 0; i < rows; i += tile_rows) {
        const int64_t count = std::min<int64_t>(tile_rows, rows - i);
        tiles[count - 1](a + i * a_row, a_row, a_step, b, b_row, depth, sums + i * sums_row,
                         sums_row, fresh);
    }
}

float* thread_scratch(size_t floats) {
    thread_local std::vector<float> memory;
    if (memory.size() < floats) memory.resize(floats);
    return memory.data();
}

}  // namespace sg
