#pragma once

#include "kernels/common/device.cuh"

// Operand tiles in shared memory. A matrix product sums over `depth`; the rows of A and the columns
// of B are its `side`s. A tile holds side x depth numbers of one operand, with the index along
// which neighbours lie in global memory also contiguous here, so that 16-byte copies fit:
//
//             A (rows of the product)          B (columns of the product)
//   forward   x gathered:      depth (c)       w [K][RSC]:        depth (r,s,c)
//   dgrad     grad_y gathered: depth (k)       w [K][R][S][C]:    side  (c)
//   wgrad     grad_y [NPQ][K]: side  (k)       x gathered:        side  (c)
//
// Rows of 128 bytes (a panel; wider rows continue in the next panel) are eight chunks of 16 bytes,
// the chunks of row i exchanged by an exclusive or with a function of i. So eight rows of one chunk
// column, which ldmatrix reads at once, lie in all 32 banks. With i % 8 it is also the 128-byte
// swizzle of wgmma and TMA (PTX ISA, "Asynchronous Warpgroup Level Matrix Shared Memory Layout").

namespace sg {

enum class Contiguous { depth, side };

template <class T, int side, int depth, Contiguous which>
struct TileLayout {
    static constexpr Contiguous contiguous = which;
    static constexpr bool by_depth = which == Contiguous::depth;
    static constexpr int rows = by_depth ? side : depth;
    static constexpr int columns = by_depth ? depth : side;
    static constexpr int elements = rows * columns;
    static constexpr int chunk = vec_width<T>;  ///< elements in 16 bytes
    static constexpr int panel = columns * sizeof(T) < 128 ? columns : int(128 / sizeof(T));
    static constexpr int panel_chunks = panel / chunk;

    /// Where (row, column) lies.
    SG_HOST_DEVICE static constexpr int at(int row, int column) {
        const int in_panel = column % panel;
        const int place = (in_panel / chunk) ^ (swizzle(row) & (panel_chunks - 1));
        return ((column / panel) * rows + row) * panel + place * chunk + column % chunk;
    }

  private:
    /// f32 with contiguous sides is read by single words for tf32: four rows of two neighbouring
    /// chunks at once.
    SG_HOST_DEVICE static constexpr int swizzle(int row) {
        if (sizeof(T) == 4 && !by_depth) return row % 4 * 2;
        return row % 8;
    }
};

}  // namespace sg
