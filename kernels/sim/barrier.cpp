#include <algorithm>
#include <span>

#include "kernels/common/error.h"
#include "kernels/sim/recorder.h"
#include "kernels/sim/scheduler.h"

// Barriers of blocks and clusters and the collectives of warps: who waits, who continues, and what
// is reported when threads do not meet.

namespace sg::sim {

std::string describe(const Thread& thread) {
    const Index3 b = thread.block->index, t = thread.thread_index;
    return fmt::format("block ({},{},{}), thread ({},{},{})", b.x, b.y, b.z, t.x, t.y, t.z);
}

std::string describe(const Where& where) {
    const std::string_view path = where.file_name();
    return fmt::format("{}:{}", path.substr(path.rfind('/') + 1), where.line());
}

void fail(const Thread& thread, const std::string& fact) {
    throw Error(thread.block->cluster->launch->launch.kernel,
                fmt::format("{}: {}", describe(thread), fact));
}

namespace {

bool same_place(const Where& a, const Where& b) {
    return a.line() == b.line() && a.column() == b.column() &&
           std::string_view(a.file_name()) == b.file_name();
}

const Thread& some_finished(const std::vector<Thread>& threads) {
    return *std::find_if(threads.begin(), threads.end(), [](const Thread& thread) {
        return thread.state == Thread::State::finished;
    });
}

/// Adds the current thread to the barrier, after checking that it came to the same one.
void arrive(Barrier& barrier, const char* name, int predicate, const Where& where) {
    if (barrier.arrived == 0) {
        barrier = {.name = name, .where = where, .first = current, .votes = {}};
    } else if (!same_place(barrier.where, where)) {
        fail(*current,
             fmt::format("divergent barrier: it arrived at {} ({}), but {} waits at {} ({})", name,
                         describe(where), describe(*barrier.first), barrier.name,
                         describe(barrier.where)));
    }
    ++barrier.arrived;
    barrier.votes.count += predicate != 0;
    barrier.votes.all &= predicate != 0;
    barrier.votes.any |= predicate != 0;
}

/// Lets all threads of the blocks go on.
void open(Barrier& barrier, std::span<Block> blocks) {
    std::vector<Thread*> threads;
    for (Block& block : blocks)
        for (Thread& thread : block.threads) {
            thread.votes = barrier.votes;
            threads.push_back(&thread);
        }
    barrier = {};
    scheduler().release(threads);
}

[[noreturn]] void fail_divergent_exit(const Thread& waiting, const char* name, const Thread& gone) {
    fail(waiting, fmt::format("divergent barrier: it waits at {} ({}), but {} has returned", name,
                              describe(waiting.where), describe(gone)));
}

std::string lanes_of(uint32_t mask) {
    return fmt::format("lanes {:#010x}", mask);
}

/// The unfinished collective that is described, or null. Throws if lanes that this one would wait
/// for already wait for the current lane elsewhere.
Collective* find_collective(const char* name, uint32_t mask, const Where& where) {
    for (Collective& other : current->block->warps[current->warp()]) {
        if (!(other.mask >> current->lane() & 1u)) continue;
        if (std::string_view(other.name) == name && other.mask == mask) return &other;
        if ((other.arrived & mask) == 0) continue;  // the current lane may go there next
        fail(*current,
             fmt::format("it arrived at {} for {} ({}), but {} of its warp wait at {} for {} ({})",
                         name, lanes_of(mask), describe(where), lanes_of(other.arrived), other.name,
                         lanes_of(other.mask), describe(other.where)));
    }
    return nullptr;
}

/// That the calling lane takes part itself.
void check_own_lane(const char* name, uint32_t mask, const Where& where) {
    const int lane = current->lane();
    if (!(mask >> lane & 1u))
        fail(*current, fmt::format("{} ({}) names {}, but not lane {} that calls it", name,
                                   describe(where), lanes_of(mask), lane));
}

/// That all lanes can come: once per collective, by the first that arrives.
void check_lanes(const char* name, uint32_t mask, const Where& where) {
    const int first = current->index - current->lane();
    const auto& threads = current->block->threads;
    for (int l = 0; l < warp_size; ++l) {
        if (!(mask >> l & 1u)) continue;
        const bool exists = first + l < int(threads.size());
        if (!exists || threads[first + l].state == Thread::State::finished)
            fail(*current, fmt::format("{} ({}) names lane {}, which {}", name, describe(where), l,
                                       exists ? "has returned" : "the block does not have"));
    }
}

}  // namespace

void block_barrier(const char* name, int predicate, Where where) {
    Block& block = *current->block;
    current->where = where;
    if (block.finished > 0) fail_divergent_exit(*current, name, some_finished(block.threads));
    arrive(block.barrier, name, predicate, where);
    if (size_t(block.barrier.arrived) == block.threads.size()) {
        open(block.barrier, {&block, 1});
        if (recorder) recorder->barrier(block);
    }
    scheduler().wait(Thread::State::at_barrier, name, where);
}

void cluster_barrier(Where where) {
    Cluster& cluster = *current->block->cluster;
    current->where = where;
    for (const Block& block : cluster.blocks)
        if (block.finished > 0)
            fail_divergent_exit(*current, "cluster_sync", some_finished(block.threads));
    arrive(cluster.barrier, "cluster_sync", 0, where);
    if (size_t(cluster.barrier.arrived) == cluster.blocks.size() * current->block->threads.size()) {
        open(cluster.barrier, cluster.blocks);
        if (recorder) recorder->cluster_barrier(cluster);
    }
    scheduler().wait(Thread::State::at_cluster_barrier, "cluster_sync", where);
}

void warp_collective(const char* name, uint32_t mask, void* slot, Combine combine, Where where) {
    check_own_lane(name, mask, where);
    Collective* collective = find_collective(name, mask, where);
    auto& pending = current->block->warps[current->warp()];
    if (!collective) {
        check_lanes(name, mask, where);
        Thread* lanes = current - current->lane();
        pending.push_back({.name = name, .mask = mask, .lanes = lanes, .where = where});
        collective = &pending.back();
    }
    const int lane = current->lane();
    collective->slots[lane] = slot;
    collective->arrived |= 1u << lane;
    if (collective->arrived == mask) {
        combine(*collective);
        if (recorder) recorder->collective(*collective);
        std::vector<Thread*> threads;
        threads.reserve(warp_size);
        for (int l = 0; l < warp_size; ++l)
            if (mask >> l & 1u) threads.push_back(collective->lanes + l);
        pending.erase(pending.begin() + (collective - pending.data()));
        scheduler().release(threads);
    }
    scheduler().wait(Thread::State::at_collective, name, where);
}

void check_exit(const Thread& thread) {
    for (const Collective& collective : thread.block->warps[thread.warp()])
        if (collective.mask >> thread.lane() & 1u)
            fail(thread,
                 fmt::format("it returned, but {} of its warp wait for it at {} for {} ({})",
                             lanes_of(collective.arrived), collective.name,
                             lanes_of(collective.mask), describe(collective.where)));
    for (const Barrier* barrier : {&thread.block->barrier, &thread.block->cluster->barrier})
        if (barrier->arrived > 0) fail_divergent_exit(*barrier->first, barrier->name, thread);
}

}  // namespace sg::sim
