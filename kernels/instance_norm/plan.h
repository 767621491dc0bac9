#pragma once

#include <algorithm>

#include "kernels/common/device_properties.h"
#include "kernels/instance_norm/instance_norm.h"

namespace sg {

/// How instance normalisation is spread over a device (README.md, "On the GPU").
struct InstanceNormPlan {
    enum class Kind {
        slab,        ///< one block holds a slab of one image in shared memory
        cluster,     ///< the blocks of a cluster hold it together
        two_kernels  ///< too large: one kernel sums, another reads again and applies
    } kind = Kind::two_kernels;
    int parts = 1;       ///< blocks per image and slab
    int64_t pixels = 0;  ///< per block
    size_t shared = 0;   ///< bytes of tile per block
};

/// Pixels per block of the two-kernel form, whose workspace is proportional to their number.
inline constexpr int64_t instance_norm_part = 1024;

inline InstanceNormPlan two_kernel_plan(int64_t M) {
    return {InstanceNormPlan::Kind::two_kernels,
            int((M + instance_norm_part - 1) / instance_norm_part), instance_norm_part, 0};
}

/// `parts` blocks hold `tiles` tensors' slabs of 64 bytes per pixel.
inline InstanceNormPlan instance_norm_parts(int64_t M, int parts, int tiles) {
    constexpr size_t pixel_bytes = 64, rows = 64;  // rows: pixels that a block loads at a time
    const int64_t pixels = (M + parts - 1) / parts;
    return {parts == 1 ? InstanceNormPlan::Kind::slab : InstanceNormPlan::Kind::cluster, parts,
            pixels, (size_t(pixels) + rows - 1) / rows * rows * pixel_bytes * size_t(tiles)};
}

/// Dynamic shared memory that a block may have beside its static arrays.
inline size_t instance_norm_most_shared(const DeviceProperties& device) {
    constexpr size_t statics = 4 << 10;
    return device.shared_per_block - statics;
}

/// Blocks of 64 KB leave room for three on a processor; only what does not fit otherwise gets more.
inline InstanceNormPlan instance_norm_plan(const DeviceProperties& device, int64_t M, int tiles) {
    constexpr size_t comfortable = 64 << 10;
    const int portable = std::min(device.max_cluster, 8);  // larger clusters may not find a place
    for (int parts = 1; parts <= portable; parts *= 2)
        if (const auto plan = instance_norm_parts(M, parts, tiles); plan.shared <= comfortable)
            return plan;
    for (int parts = portable; parts <= device.max_cluster; parts *= 2)
        if (const auto plan = instance_norm_parts(M, parts, tiles);
            plan.shared <= instance_norm_most_shared(device))
            return plan;
    return two_kernel_plan(M);
}

/// The same with a plan of the caller's, for the ladder and its tests. The plan must fit.
template <DeviceContext Device, class T>
void instance_norm_forward(Device& device, const InstanceNormPlan& plan,
                           const InstanceNormForwardArgs<T>& args);
template <DeviceContext Device, class T>
void instance_norm_backward(Device& device, const InstanceNormPlan& plan,
                            const InstanceNormBackwardArgs<T>& args);

}  // namespace sg
