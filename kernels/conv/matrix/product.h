#pragma once

#include <cstddef>
#include <cstdint>

// The innermost loop of the CPU's own convolution: a tile of sums that stays in vector registers.

namespace sg {

#if defined(__AVX512F__)
inline constexpr int vector_floats = 16, tile_rows = 12;  // 24 of 32 registers hold sums
#else
inline constexpr int vector_floats = 8, tile_rows = 6;  // 12 of AVX2's 16
#endif

/// sums[i, j] += (or, if `fresh`, =) sum over k of a[i * a_row + k * a_step] b[k * b_row + j]
/// for i below `Rows` and j below `Vectors` * vector_floats, k ascending. Each step reads `Vectors`
/// vectors of b and `Rows` numbers of a, and multiplies each with each.
template <int Rows, int Vectors>
void product_tile(const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t b_row,
                  int64_t depth, float* sums, int64_t sums_row, bool fresh) {
    typedef float Vector
        __attribute__((vector_size(vector_floats * sizeof(float)), aligned(4), may_alias));
    Vector tile[Rows][Vectors];
    for (int i = 0; i < Rows; ++i)
        for (int v = 0; v < Vectors; ++v)
            tile[i][v] =
                fresh ? Vector{}
                      : *reinterpret_cast<const Vector*>(sums + i * sums_row + v * vector_floats);
    for (int64_t k = 0; k < depth; ++k) {
        Vector row[Vectors];
        for (int v = 0; v < Vectors; ++v)
            row[v] = *reinterpret_cast<const Vector*>(b + k * b_row + v * vector_floats);
        for (int i = 0; i < Rows; ++i)
            for (int v = 0; v < Vectors; ++v) tile[i][v] += a[i * a_row + k * a_step] * row[v];
    }
    for (int i = 0; i < Rows; ++i)
        for (int v = 0; v < Vectors; ++v)
            *reinterpret_cast<Vector*>(sums + i * sums_row + v * vector_floats) = tile[i][v];
}

/// The same for any number of rows; `columns` is vector_floats, twice that or, for at most
/// tile_rows / 2 rows, four times that.
void product_rows(int64_t rows, int columns, const float* a, int64_t a_row, int64_t a_step,
                  const float* b, int64_t b_row, int64_t depth, float* sums, int64_t sums_row,
                  bool fresh = false);

/// A thread's own memory, kept for its next call; what it held is lost.
float* thread_scratch(size_t floats);

}  // namespace sg
