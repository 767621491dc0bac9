#pragma once

#include "kernels/common/bf16.h"
#include "kernels/common/device_context.h"

namespace sg::testing {

/// d[16][8] += a[16][K] b[K][8] by one warp: K = 16 in bf16, 8 in tf32 (a and b then f32).
/// `through_shared`: operands come by load_matrices (bf16 only).
struct TileProductArgs {
    const bf16* a = nullptr;
    const bf16* b = nullptr;
    const float* a_tf32 = nullptr;
    const float* b_tf32 = nullptr;
    bool through_shared = false;
    float* d;
};
template <DeviceContext Device>
void tile_product(Device& device, const TileProductArgs& args);

}  // namespace sg::testing
