#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>
#include <version>
#ifdef __cpp_lib_source_location
#include <source_location>
#else  // Clang before 16
#include <experimental/source_location>
#endif

#include "kernels/common/device_properties.h"

// State of the simulated device while a launch runs: clusters of blocks of threads. One cluster
// (usually one block) is run by one thread of the processor at a time.

namespace sg::sim {

#ifdef __cpp_lib_source_location
using Where = std::source_location;
#else
using Where = std::experimental::source_location;
#endif

struct Index3 {
    unsigned x = 0, y = 0, z = 0;
};

inline constexpr int warp_size = 32;

struct Block;
struct Cluster;

/// What a barrier says of the predicates that its threads brought.
struct Votes {
    int count = 0, all = 1, any = 0;
};

/// A copy to shared memory that has not been waited for.
struct AsyncCopy {
    void* to;
    const void* from;  ///< null: zeros arrive
    size_t bytes;
    int group;
};

/// One CUDA thread. `current` is the one that is running.
struct Thread {
    enum class State : uint8_t {
        pending,
        running,
        at_barrier,
        at_cluster_barrier,
        at_collective,
        finished
    };

    Index3 thread_index;
    Block* block = nullptr;
    int index = 0;  ///< linear in the block, x fastest
    State state = State::pending;
    const char* waits_at = "";       ///< name of the barrier or collective at which it waits
    Where where;                     ///< its place
    class Worker* worker = nullptr;  ///< the fiber it is parked on
    Votes votes;                     ///< of the last barrier
    std::vector<AsyncCopy> copies;   ///< oldest first
    int copy_groups = 0;             ///< committed so far

    int lane() const { return index % warp_size; }
    int warp() const { return index / warp_size; }
};

/// A warp-wide operation in the making: complete when all lanes of `mask` have arrived. `slots`
/// point at the lanes' operands and results, on their own stacks; `combine` runs once.
struct Collective {
    const char* name = "";
    uint32_t mask = 0, arrived = 0;
    void* slots[warp_size] = {};
    Thread* lanes = nullptr;  ///< lane 0 of the warp
    Where where;
};
using Combine = void (*)(Collective&);

/// Threads that have arrived at a barrier.
struct Barrier {
    int arrived = 0;
    const char* name = "";
    Where where;
    Thread* first = nullptr;
    Votes votes;
};

struct Block {
    Cluster* cluster = nullptr;
    Index3 index;
    int rank = 0;  ///< in its cluster
    std::vector<Thread> threads;
    std::vector<std::vector<Collective>> warps;  ///< the unfinished collectives of each warp
    Barrier barrier;
    int finished = 0;
    std::byte* shared = nullptr;  ///< dynamic memory first, then the static arrays
};

/// A static __shared__ array of the running kernel: the same offset in every block.
struct StaticArray {
    const void* handle;
    size_t offset, bytes;
};

/// What one launch has in common for all its blocks: `call(arguments)` runs one thread.
struct LaunchState {
    Launch launch;
    size_t shared_limit = 0;
    void (*call)(const void* arguments) = nullptr;
    const void* arguments = nullptr;
};

struct Cluster {
    const LaunchState* launch = nullptr;
    std::vector<Block> blocks;
    Barrier barrier;
    int finished = 0;  ///< threads
    std::vector<StaticArray> arrays;
    size_t static_bytes = 0;

    size_t dynamic_bytes() const { return (launch->launch.shared + 15) / 16 * 16; }
    size_t shared_bytes() const { return dynamic_bytes() + static_bytes; }
};

/// The running thread of this thread of the processor; null outside kernels.
extern constinit thread_local Thread* current;

/// "block (1,0,0), thread (5,0,0)".
std::string describe(const Thread& thread);
std::string describe(const Where& where);

/// Throws sg::Error(kernel, "block ..., thread ...: <fact>").
[[noreturn]] void fail(const Thread& thread, const std::string& fact);

/// Waits until all threads of the block (cluster) have called it from the same place.
void block_barrier(const char* name, int predicate, Where where);
void cluster_barrier(Where where);

/// Waits until all lanes of `mask` have called it with the same name and mask; `slot` is this
/// lane's entry in Collective::slots, `combine` is called once, by the last to arrive.
void warp_collective(const char* name, uint32_t mask, void* slot, Combine combine, Where where);

/// Throws if other threads wait for one that has just returned.
void check_exit(const Thread& thread);

/// This block's memory of a static shared array, allocated on first use.
std::byte* static_shared(const void* handle, size_t bytes, size_t alignment);

}  // namespace sg::sim
