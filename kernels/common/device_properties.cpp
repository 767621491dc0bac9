#include "kernels/common/device_properties.h"

#include "kernels/common/error.h"

namespace sg {

namespace {

constexpr unsigned max_grid_yz = 65535, max_block_z = 64;

std::string to_string(const Extent3& e) {
    return fmt::format("({},{},{})", e.x, e.y, e.z);
}

}  // namespace

std::string to_string(const Launch& l) {
    return fmt::format("grid {}, block {}, {} bytes of shared memory, clusters of {}",
                       to_string(l.grid), to_string(l.block), l.shared, l.cluster);
}

void refuse_argument(const Launch& launch, int argument, const void* address, size_t alignment) {
    throw Error(launch.kernel, fmt::format("launch refused: argument {} is at {}, its type needs "
                                           "multiples of {} bytes",
                                           argument, address, alignment));
}

void check_launch(const DeviceProperties& device, const Launch& l) {
    const auto refuse = [&](bool good, const std::string& fact) {
        if (!good)
            throw Error(l.kernel, fmt::format("launch refused: {} ({})", fact, to_string(l)));
    };
    refuse(l.grid.count() > 0 && l.block.count() > 0, "an extent is zero");
    refuse(l.grid.x <= 0x7FFFFFFF && l.grid.y <= max_grid_yz && l.grid.z <= max_grid_yz,
           fmt::format("a grid may have 2^31-1 x {} x {} blocks", max_grid_yz, max_grid_yz));
    refuse(l.block.count() <= size_t(device.max_threads) && l.block.z <= max_block_z,
           fmt::format("a block may have {} threads, {} along z", device.max_threads, max_block_z));
    refuse(l.shared <= device.shared_per_block,
           fmt::format("a block may have {} bytes of shared memory", device.shared_per_block));
    refuse(l.cluster >= 1 && int(l.cluster) <= device.max_cluster && l.grid.x % l.cluster == 0,
           fmt::format("a cluster may have {} blocks and must divide the grid's x",
                       device.max_cluster));
}

}  // namespace sg
