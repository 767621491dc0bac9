#include "kernels/sim/recorder.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace sg::sim {

constinit thread_local Recorder* recorder = nullptr;

[[gnu::noinline]] void record(Space space, Access access, const void* address, size_t bytes) {
    recorder->access(space, access, address, bytes, __builtin_return_address(0));
}

namespace {

constexpr int banks = 32, bank_bytes = 4, sector_bytes = 32;

/// Cycles in which the 32 banks of shared memory serve an instruction. A cycle serves one 4-byte
/// word per bank (to any number of lanes) and 128 bytes in all: 8-byte accesses are served half a
/// warp at a time, 16-byte ones a quarter.
std::pair<int64_t, int64_t> wavefronts(uint32_t lanes, const uintptr_t* address, size_t bytes) {
    const int group = bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8;
    int64_t cycles = 0, least = 0;
    for (int first = 0; first < warp_size; first += group) {
        std::vector<uintptr_t> words[banks];
        size_t most = 0;
        for (int l = first; l < first + group; ++l) {
            if (!(lanes >> l & 1u)) continue;
            for (uintptr_t w = address[l] / bank_bytes; w <= (address[l] + bytes - 1) / bank_bytes;
                 ++w) {
                auto& bank = words[w % banks];
                if (std::find(bank.begin(), bank.end(), w) == bank.end()) bank.push_back(w);
                most = std::max(most, bank.size());
            }
        }
        cycles += int64_t(most);
        least += most > 0;
    }
    return {cycles, cycles - least};
}

int64_t sectors(uint32_t lanes, const uintptr_t* address, size_t bytes) {
    std::vector<uintptr_t> touched;
    for (int l = 0; l < warp_size; ++l)
        if (lanes >> l & 1u)
            for (uintptr_t s = address[l] / sector_bytes;
                 s <= (address[l] + bytes - 1) / sector_bytes; ++s)
                touched.push_back(s);
    std::sort(touched.begin(), touched.end());
    return std::unique(touched.begin(), touched.end()) - touched.begin();
}

}  // namespace

Recorder::Recorder(SimContext& context, const Launch& launch)
    : context_(context), kernel_(launch.kernel) {
    counts_.kernel = launch.kernel;
    counts_.grid = launch.grid;
    counts_.block = launch.block;
}

size_t Recorder::Hash::operator()(const Key& key) const {
    size_t h = std::hash<const void*>{}(key.site);
    for (size_t part : {size_t(key.warp), size_t(key.phase), size_t(key.occurrence),
                        size_t(key.space), size_t(key.access)})
        h = (h ^ part) * 0x9E3779B97F4A7C15u;
    return h;
}

void Recorder::begin(Cluster& cluster) {
    cluster_ = &cluster;
    const size_t threads = cluster.blocks.front().threads.size();
    warps_per_block_ = int((threads + warp_size - 1) / warp_size);
    phases_.assign(cluster.blocks.size(), 0);
    visits_.resize(cluster.blocks.size() * threads);
    for (auto& visits : visits_) visits.clear();
    if (context_.options.check_races) races_.begin(cluster);
}

uint32_t Recorder::existing_lanes(int warp) const {
    const auto threads = int(cluster_->blocks.front().threads.size());
    const int lanes = std::min(warp_size, threads - warp % warps_per_block_ * warp_size);
    return lanes == warp_size ? ~0u : (1u << lanes) - 1;
}

int32_t Recorder::next_occurrence(const Key& key) {
    const size_t threads = current->block->threads.size();
    auto& visits = visits_[size_t(current->block->rank) * threads + size_t(current->index)];
    for (Visits& v : visits)
        if (v.site == key.site && v.space == key.space && v.access == key.access) {
            if (v.phase != key.phase) v.phase = key.phase, v.count = 0;
            return v.count++;
        }
    visits.push_back({key.site, key.space, key.access, key.phase, 1});
    return 0;
}

void Recorder::access(Space space, Access access, const void* address, size_t bytes,
                      const void* site) {
    if (space == Space::shared && context_.options.check_races)
        races_.access(address, bytes, access != Access::load, access == Access::atomic);
    if (space == Space::global && access != Access::load) watch(address, bytes);
    if (space == Space::global && context_.options.trace) trace(access, address, bytes);
    count(space, access, address, bytes, site);
}

void Recorder::count(Space space, Access access, const void* address, size_t bytes,
                     const void* site) {
    if (!context_.options.count) return;
    if (access == Access::atomic) {
        ++counts_.atomics;
        return;
    }
    const int rank = current->block->rank;
    Key key{site, rank * warps_per_block_ + current->warp(), phases_[rank], 0, space, access};
    key.occurrence = next_occurrence(key);
    Instruction& instruction = open_[key];
    instruction.lanes |= 1u << current->lane();
    instruction.address[current->lane()] = reinterpret_cast<uintptr_t>(address);
    instruction.bytes = bytes;
    if (instruction.lanes == existing_lanes(key.warp)) {
        complete(key, instruction);
        open_.erase(key);
    }
}

void Recorder::complete(const Key& key, const Instruction& in) {
    const bool load = key.access == Access::load;
    AccessCounts& counts = key.space == Space::global
                               ? (load ? counts_.global_loads : counts_.global_stores)
                               : (load ? counts_.shared_loads : counts_.shared_stores);
    ++counts.instructions;
    counts.bytes += int64_t(in.bytes) * std::popcount(in.lanes);
    counts_.divergent += in.lanes != existing_lanes(key.warp);
    if (key.space == Space::global) {
        counts.sectors += sectors(in.lanes, in.address.data(), in.bytes);
    } else {
        const auto [cycles, conflicts] = wavefronts(in.lanes, in.address.data(), in.bytes);
        counts.wavefronts += cycles;
        counts.conflicts += conflicts;
    }
}

void Recorder::end() {
    for (const auto& [key, instruction] : open_) complete(key, instruction);
    open_.clear();
    counts_.shared_bytes = std::max(counts_.shared_bytes, cluster_->shared_bytes());
}

void Recorder::copy_starts(const void* to, size_t bytes) {
    if (context_.options.check_races) races_.copy_starts(to, bytes);
}

void Recorder::copy_arrives(const void* to, size_t bytes) {
    if (context_.options.check_races) races_.copy_arrives(to, bytes);
    count(Space::shared, Access::store, to, bytes, __builtin_return_address(0));
}

void Recorder::barrier(Block& block) {
    ++counts_.barriers;
    ++phases_[block.rank];
    if (context_.options.check_races) races_.barrier(block.rank);
}

void Recorder::cluster_barrier(Cluster& cluster) {
    counts_.barriers += int64_t(cluster.blocks.size());
    for (int& phase : phases_) ++phase;
    if (context_.options.check_races) races_.cluster_barrier();
}

void Recorder::collective(const Collective& collective) {
    ++counts_.collectives;
    if (context_.options.check_races && std::string_view(collective.name) == "__syncwarp")
        races_.sync_warp(collective);
}

void Recorder::trace(Access access, const void* address, size_t bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(address), end = begin + bytes;
    if (access != Access::store && !writes.contains(begin, end)) reads.add(begin, end);
    if (access != Access::load) writes.add(begin, end);
}

void Recorder::watch(const void* address, size_t bytes) {
    const auto* byte = static_cast<const std::byte*>(address);
    const auto range = context_.watched;
    if (byte < range.data() || byte + bytes > range.data() + range.size()) return;
    const Index3 b = current->block->index, t = current->thread_index;
    for (size_t i = 0; i < bytes; ++i)
        context_.writers[size_t(byte - range.data()) + i] = {
            kernel_, {b.x, b.y, b.z}, {t.x, t.y, t.z}};
}

}  // namespace sg::sim
