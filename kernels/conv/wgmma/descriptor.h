#pragma once

#include <cstdint>

#include "kernels/common/host_device.h"

namespace sg {

/// How wgmma is told where a matrix lies in shared memory (PTX ISA, "Matrix Descriptor Format"):
///   bits 0-13   start address / 16            bits 32-45  `stride` in bytes / 16
///   bits 16-29  `leading` in bytes / 16       bits 62-63  1: 128-byte swizzle
/// The rest, with it the "base offset", is zero: patterns begin at multiples of 1024 bytes.
///
/// With this swizzle memory is made of atoms, 8 rows of 128 bytes, in which address bits 4-6 (the
/// chunk of 16 bytes) are exclusive-ored with bits 7-9 (the row). It acts on the final address, so
/// a descriptor may start inside a row. The next atoms are found
///   K-major (depth contiguous): `stride` further for the next 8 sides; the depth of one
///     product, 32 bytes, stays inside the row, and `leading` is not used
///   MN-major (side contiguous): `leading` further for the next 64 sides, `stride` further for the
///     next 8 of the depth
SG_HOST_DEVICE constexpr uint64_t wgmma_descriptor(unsigned start, unsigned leading,
                                                   unsigned stride) {
    constexpr uint64_t swizzle_128 = 1;
    const auto field = [](unsigned bytes) { return uint64_t((bytes & 0x3FFFF) >> 4); };
    return field(start) | field(leading) << 16 | field(stride) << 32 | swizzle_128 << 62;
}

/// The same with its start moved. No carry leaves the field: shared memory has less than 2^18
/// bytes.
SG_HOST_DEVICE constexpr uint64_t wgmma_moved(uint64_t descriptor, int bytes) {
    return descriptor + uint64_t(bytes >> 4);
}

/// Descriptors for the parts of an operand tile (TileLayout, two-byte elements): wgmma takes 16 of
/// its depth at a time.
template <class Layout>
struct WgmmaOperand {
    static constexpr int row_bytes = 128, atom_bytes = 8 * row_bytes, depth_step = 16;
    static constexpr int panel_bytes = Layout::rows * row_bytes;  ///< a panel: 64 columns
    static constexpr int tile_bytes = Layout::elements * 2;
    /// From one depth_step to the next.
    static constexpr int step_bytes =
        Layout::by_depth ? depth_step * 2 : depth_step / 8 * atom_bytes;
    static_assert(Layout::panel == 64 && Layout::rows % 8 == 0);
    static_assert(!Layout::by_depth || Layout::columns == Layout::panel, "one panel of depth");

    /// For the tile at `address` (a multiple of 1024), from `side` (a multiple of 64) and depth 0.
    SG_HOST_DEVICE static constexpr uint64_t descriptor(unsigned address, int side) {
        const int offset = Layout::by_depth ? side * row_bytes : side / 64 * panel_bytes;
        constexpr int leading = Layout::by_depth ? 16 : panel_bytes;  // 16: as good as anything
        return wgmma_descriptor(address + unsigned(offset), leading, atom_bytes);
    }
};

}  // namespace sg
