#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/sim/thread.h"

namespace sg::sim {

/// Finds accesses to shared memory by two threads, one of them a write, that nothing orders. Block
/// and cluster barriers order everything before them; __syncwarp orders the lanes of its mask, for
/// which each lane keeps a vector clock (Lamport/Mattern); shuffles and votes order nothing, as the
/// CUDA programming guide says. Atomics do not race with each other. A copy_async writes at any
/// time between its start and the wait for it: meanwhile no thread may touch its bytes.
class Races {
  public:
    void begin(const Cluster& cluster);
    void barrier(int rank) { ++block_epoch_[rank]; }
    void cluster_barrier() { ++cluster_epoch_; }
    void sync_warp(const Collective& collective);
    /// Throws Error, naming both threads, if the current thread's access is unordered with an
    /// earlier one.
    void access(const void* address, size_t bytes, bool write, bool atomic);
    /// The current thread starts a copy_async to `bytes` at `address`, or has waited for it.
    void copy_starts(const void* address, size_t bytes);
    void copy_arrives(const void* address, size_t bytes);

  private:
    struct Event {
        int32_t thread = -1;  ///< counted over the cluster; -1: none
        uint32_t block_epoch = 0, cluster_epoch = 0, clock = 0;
    };
    /// Of one byte: the last plain write, the last atomics and reads by two different threads, and
    /// the thread (or -1) whose copy_async to it is under way.
    struct Shadow {
        Event write, atomics[2], reads[2];
        int32_t copier = -1;
    };
    /// Bytes of the shared memory of a block of the cluster; none if `address` is not in it.
    struct Bytes {
        Shadow* shadow = nullptr;
        size_t offset = 0;
        int rank = 0;
    };
    using Clock = std::array<uint32_t, warp_size>;

    int number(const Thread& thread) const;
    const Thread& thread(int number) const;
    bool ordered(const Event& earlier) const;
    Bytes find(const void* address);
    void check(const Event& earlier, const char* did, const char* does, size_t offset,
               int rank) const;
    static void remember(Event (&events)[2], const Event& now);

    const Cluster* cluster_ = nullptr;
    int threads_per_block_ = 0;
    std::vector<uint32_t> block_epoch_;
    uint32_t cluster_epoch_ = 0;
    std::vector<Clock> clocks_;
    std::vector<std::vector<Shadow>> shadow_;  ///< per block of the cluster
};

}  // namespace sg::sim
