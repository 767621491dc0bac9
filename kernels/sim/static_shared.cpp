#include <algorithm>
#include <cstring>

#include "kernels/sim/memory.h"

namespace sg::sim {

namespace {

constexpr size_t static_limit = 48 << 10;  // nvcc refuses more

}  // namespace

std::byte* static_shared(const void* handle, size_t bytes, size_t alignment) {
    Cluster& cluster = *current->block->cluster;
    for (const StaticArray& array : cluster.arrays)
        if (array.handle == handle) return current->block->shared + array.offset;
    const size_t start = (cluster.static_bytes + alignment - 1) / alignment * alignment;
    const size_t dynamic = cluster.dynamic_bytes(), limit = cluster.launch->shared_limit;
    if (start + bytes > static_limit || dynamic + start + bytes > limit)
        fail(*current, fmt::format("{} bytes of static shared memory beside {} of dynamic; a block "
                                   "may have {}, of which {} static",
                                   start + bytes, dynamic, limit, static_limit));
    cluster.arrays.push_back({handle, dynamic + start, bytes});
    cluster.static_bytes = start + bytes;
    for (Block& block : cluster.blocks)
        std::memset(block.shared + dynamic + start, 0xFF, bytes);  // starts undefined: NaN
    return current->block->shared + dynamic + start;
}

void fail_shared_range(int64_t index, size_t count, size_t element_bytes) {
    fail(*current, fmt::format("shared memory out of range: element {} of an array of {} ({} bytes "
                               "each)",
                               index, count, element_bytes));
}

void fail_alignment(const void* address, size_t bytes) {
    fail(*current, fmt::format("misaligned vector access: {} bytes at {}, which is no multiple of "
                               "them",
                               bytes, address));
}

}  // namespace sg::sim
