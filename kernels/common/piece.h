#pragma once

#include <algorithm>
#include <cstdint>

namespace sg {

constexpr int64_t pieces_of(int64_t count, int64_t piece) {
    return (count + piece - 1) / piece;
}

/// Long sums on a device are cut into pieces, which blocks add, and the pieces' sums are added by a
/// second launch. The pieces depend on the extents alone, so every device adds in the same order.
/// This many elements are few enough that one batch of images keeps every processor busy.
inline constexpr int64_t device_piece = 4096;

/// Rows per piece for sums over the rows of a matrix: at least 64 and never more than 256 pieces,
/// so that adding these stays cheap.
constexpr int64_t device_piece_rows(int64_t rows) {
    return std::max(int64_t{64}, pieces_of(rows, 256));
}

}  // namespace sg
