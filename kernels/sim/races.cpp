#include "kernels/sim/races.h"

#include <algorithm>

#include "kernels/common/error.h"

namespace sg::sim {

void Races::begin(const Cluster& cluster) {
    cluster_ = &cluster;
    threads_per_block_ = int(cluster.blocks.front().threads.size());
    block_epoch_.assign(cluster.blocks.size(), 0);
    cluster_epoch_ = 0;
    clocks_.assign(cluster.blocks.size() * threads_per_block_, Clock{});
    shadow_.assign(cluster.blocks.size(), {});
}

int Races::number(const Thread& thread) const {
    return thread.block->rank * threads_per_block_ + thread.index;
}

const Thread& Races::thread(int number) const {
    return cluster_->blocks[number / threads_per_block_].threads[number % threads_per_block_];
}

void Races::sync_warp(const Collective& collective) {
    Clock merged{};
    const auto each_lane = [&](auto&& body) {
        for (int l = 0; l < warp_size; ++l)
            if (collective.mask >> l & 1u) body(clocks_[number(collective.lanes[l])], l);
    };
    each_lane([&](Clock& clock, int lane) {
        ++clock[lane];
        for (int i = 0; i < warp_size; ++i) merged[i] = std::max(merged[i], clock[i]);
    });
    each_lane([&](Clock& clock, int) { clock = merged; });
}

bool Races::ordered(const Event& earlier) const {
    if (earlier.thread < 0 || earlier.cluster_epoch < cluster_epoch_) return true;
    const int now = number(*current);
    if (earlier.thread == now) return true;
    const Thread& other = thread(earlier.thread);
    if (other.block != current->block) return false;
    if (earlier.block_epoch < block_epoch_[current->block->rank]) return true;
    return other.warp() == current->warp() && clocks_[now][other.lane()] > earlier.clock;
}

void Races::check(const Event& earlier, const char* did, const char* does, size_t offset,
                  int rank) const {
    if (ordered(earlier)) return;
    fail(*current, fmt::format("race: it {} byte {} of the shared memory of block {} of its "
                               "cluster, which {} {} with no barrier in between",
                               does, offset, rank, describe(thread(earlier.thread)), did));
}

Races::Bytes Races::find(const void* address) {
    const auto* byte = static_cast<const std::byte*>(address);
    const size_t size = cluster_->shared_bytes();
    for (const Block& block : cluster_->blocks) {
        if (byte < block.shared || byte >= block.shared + size) continue;
        auto& shadow = shadow_[block.rank];
        if (shadow.size() < size) shadow.resize(size);
        const auto offset = size_t(byte - block.shared);
        return {.shadow = &shadow[offset], .offset = offset, .rank = block.rank};
    }
    return {};
}

/// Two are kept: one of them is of another thread than whoever comes next.
void Races::remember(Event (&events)[2], const Event& now) {
    if (events[0].thread != now.thread) events[1] = events[0];
    events[0] = now;
}

void Races::access(const void* address, size_t bytes, bool write, bool atomic) {
    const Bytes at = find(address);
    if (!at.shadow) return;
    const int me = number(*current);
    const Event now{me, block_epoch_[current->block->rank], cluster_epoch_,
                    clocks_[me][current->lane()]};
    const char* does = write ? "writes" : "reads";
    for (size_t i = 0; i < bytes; ++i) {
        Shadow& s = at.shadow[i];
        const auto check_against = [&](const Event& earlier, const char* did) {
            check(earlier, did, does, at.offset + i, at.rank);
        };
        if (s.copier >= 0)
            fail(*current,
                 fmt::format("race: it {} byte {} of the shared memory of block {} of its "
                             "cluster, to which a copy_async of {} is under way",
                             does, at.offset + i, at.rank, describe(thread(s.copier))));
        check_against(s.write, "wrote");
        if (!atomic)
            for (const Event& other : s.atomics) check_against(other, "wrote");
        if (write)
            for (const Event& read : s.reads) check_against(read, "read");
        if (atomic)
            remember(s.atomics, now);
        else if (write)
            s.write = now;
        else
            remember(s.reads, now);
    }
}

void Races::copy_starts(const void* address, size_t bytes) {
    access(address, bytes, true, false);
    const Bytes at = find(address);
    for (size_t i = 0; at.shadow && i < bytes; ++i) at.shadow[i].copier = number(*current);
}

void Races::copy_arrives(const void* address, size_t bytes) {
    const Bytes at = find(address);
    for (size_t i = 0; at.shadow && i < bytes; ++i) at.shadow[i].copier = -1;
    access(address, bytes, true, false);
}

}  // namespace sg::sim
