#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kernels/sim/races.h"
#include "kernels/sim/sim_context.h"
#include "kernels/sim/thread.h"

namespace sg::sim {

enum class Space : uint8_t { global, shared };
enum class Access : uint8_t { load, store, atomic };

/// Watches the memory accesses of the clusters that one thread of the processor runs.
///
/// Threads run one after another here, a warp's lanes in step on a GPU. To count what a warp's
/// memory instruction costs, the k-th access of each lane from one place in the code is taken to be
/// one instruction of the warp.
class Recorder {
  public:
    Recorder(SimContext& context, const Launch& launch);

    void begin(Cluster& cluster);
    void end();  ///< of the cluster: instructions that some lanes never reached are counted now

    /// The current thread accesses `bytes` at `address`; `site` is the place in the code.
    void access(Space space, Access access, const void* address, size_t bytes, const void* site);
    /// A copy_async starts to write to `to`, or has been waited for.
    void copy_starts(const void* to, size_t bytes);
    void copy_arrives(const void* to, size_t bytes);
    void barrier(Block& block);
    void cluster_barrier(Cluster& cluster);
    void collective(const Collective& collective);

    const LaunchCounts& counts() const { return counts_; }
    /// Global memory that was read before it was written here, and written; while tracing.
    ByteRanges reads, writes;

  private:
    /// A warp's instruction: the occurrence-th access from `site` by the warp's lanes.
    struct Key {
        const void* site;
        int warp;   ///< counted over the blocks of the cluster
        int phase;  ///< barriers of the block so far: what lies on two sides is not one instruction
        int32_t occurrence;
        Space space;
        Access access;
        bool operator==(const Key&) const = default;
    };
    struct Visits {
        const void* site;
        Space space;
        Access access;
        int phase;
        int32_t count;
    };
    struct Hash {
        size_t operator()(const Key& key) const;
    };
    struct Instruction {
        uint32_t lanes = 0;
        size_t bytes = 0;
        std::array<uintptr_t, warp_size> address;
    };

    uint32_t existing_lanes(int warp) const;
    int32_t next_occurrence(const Key& key);
    void count(Space space, Access access, const void* address, size_t bytes, const void* site);
    void complete(const Key& key, const Instruction& instruction);
    void watch(const void* address, size_t bytes);
    void trace(Access access, const void* address, size_t bytes);

    SimContext& context_;
    const char* kernel_;
    LaunchCounts counts_;
    Cluster* cluster_ = nullptr;
    int warps_per_block_ = 0;
    std::unordered_map<Key, Instruction, Hash> open_;
    std::vector<int> phases_;                  ///< of each block
    std::vector<std::vector<Visits>> visits_;  ///< of each thread of the cluster
    Races races_;
};

/// Of this thread of the processor; null while nothing is recorded.
extern constinit thread_local Recorder* recorder;

/// Called by the pointers of device code on every access. Not inlined, so that its return address
/// is the place of the access.
void record(Space space, Access access, const void* address, size_t bytes);

}  // namespace sg::sim
