#include <cstring>

#include "kernels/common/error.h"
#include "kernels/sim/device_language.h"

namespace sg::sim {

void copy_async(void* to, const void* from, size_t bytes) {
    if (recorder) recorder->copy_starts(to, bytes);
    current->copies.push_back({to, from, bytes, current->copy_groups});
}

void copy_async_commit() {
    ++current->copy_groups;
}

void copy_async_wait_groups(int groups) {
    std::vector<AsyncCopy>& copies = current->copies;
    size_t done = 0;
    while (done < copies.size() && copies[done].group + groups < current->copy_groups) {
        const AsyncCopy& copy = copies[done++];
        if (recorder) recorder->copy_arrives(copy.to, copy.bytes);
        if (copy.from)
            std::memcpy(copy.to, copy.from, copy.bytes);
        else
            std::memset(copy.to, 0, copy.bytes);
    }
    copies.erase(copies.begin(), copies.begin() + std::ptrdiff_t(done));
}

const Block& remote_block(unsigned rank) {
    const auto& blocks = current->block->cluster->blocks;
    if (rank >= blocks.size())
        fail(*current,
             fmt::format("shared memory of block {} of a cluster of {}", rank, blocks.size()));
    const Block& block = blocks[rank];
    if (block.finished == int(block.threads.size()))
        fail(*current, fmt::format("shared memory of block {} of its cluster, whose threads have "
                                   "returned",
                                   rank));
    return block;
}

}  // namespace sg::sim
