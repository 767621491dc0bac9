#pragma once

#include "kernels/conv/conv_call.h"

namespace sg {

/// A pass as a matrix product [m][depth] x [depth][n]; `phases` products of the same size for dgrad
/// with a stride (the largest, where the phases differ).
struct ConvProduct {
    int64_t m, n, depth;
    int phases = 1;
};
ConvProduct conv_product(ConvPass pass, const ConvShape& shape);

/// Tiles of the result that one block computes: 128 x 128, 128 x 64 (bf16 only), 64 x 64, and for
/// f32 a thin one for few channels, 64 x 16 (wgrad: 16 x 64).
enum class ConvTile { large, tall, small, thin };

/// Whether a pass of this shape can copy 16 bytes at a time (if pointers are aligned, too).
bool conv_vectors(ConvPass pass, const ConvShape& shape, ConvArithmetic arithmetic);
/// The tile for operands that are copied element by element.
inline ConvTile element_tile(ConvArithmetic arithmetic) {
    return arithmetic == ConvArithmetic::f32 ? ConvTile::thin : ConvTile::small;
}

struct ConvPlan {
    ConvTile tile;
    int shares;  ///< blocks that share the depth of one tile; their sums are added afterwards
    double clocks = 0;  ///< that the model expects
    /// Whether they do the same.
    bool operator==(const ConvPlan& other) const {
        return tile == other.tile && shares == other.shares;
    }
};
/// The plan with the least time by a model of the device (plan.cpp); a function of its arguments.
ConvPlan conv_plan(const DeviceProperties& device, ConvPass pass, const ConvShape& shape,
                   ConvArithmetic arithmetic);

/// Depth that one tile takes at a time.
constexpr int conv_tile_depth(ConvArithmetic arithmetic) {
    return arithmetic == ConvArithmetic::bf16 ? 64 : 32;
}

}  // namespace sg
