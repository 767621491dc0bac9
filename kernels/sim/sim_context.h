#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/common/device_properties.h"
#include "kernels/sim/trace.h"

namespace sg {

class ConvChooser;

/// The order in which the simulated device starts, and continues after a barrier, the blocks of a
/// grid and the threads of a block. A correct kernel computes the same with all of them.
enum class ThreadOrder { forward, backward, shuffled };

struct SimOptions {
    int threads = 0;        ///< threads of the processor; <= 0: all. Blocks are spread over them
    int architecture = 90;  ///< compute capability that launchers see (80: no clusters)
    int processors = 132;   ///< that launchers see; few of them make plans for small work large
    ThreadOrder order = ThreadOrder::forward;
    uint64_t seed = 1;         ///< of ThreadOrder::shuffled
    bool count = false;        ///< fill SimContext::launches
    bool check_races = false;  ///< report unordered accesses to shared memory (slow)
    bool trace = false;        ///< fill SimContext::trace (slow; one thread of the processor)
};

/// Memory traffic of one kind. "Instructions" are warp-wide: one access by up to 32 lanes.
struct AccessCounts {
    int64_t instructions = 0;
    int64_t bytes = 0;       ///< asked for by the lanes
    int64_t sectors = 0;     ///< global memory: 32-byte sectors touched, per instruction
    int64_t wavefronts = 0;  ///< shared memory: cycles in which the 32 banks serve an instruction
    int64_t conflicts = 0;   ///< of these, the ones that bank conflicts add

    /// Global memory: bytes asked for of the bytes moved. 1 is perfectly coalesced; more means that
    /// lanes asked for the same bytes.
    double efficiency() const { return sectors ? double(bytes) / double(32 * sectors) : 1; }
    void add(const AccessCounts& other);
};

/// What one launch did.
struct LaunchCounts {
    std::string kernel;
    Extent3 grid, block;
    size_t shared_bytes = 0;  ///< per block, dynamic and static
    AccessCounts global_loads, global_stores, shared_loads, shared_stores;
    int64_t atomics = 0;      ///< lanes' atomic operations
    int64_t barriers = 0;     ///< block and cluster barriers, per block
    int64_t collectives = 0;  ///< warp-wide: shuffles, votes, __syncwarp, tensor-core products
    int64_t divergent = 0;    ///< memory instructions in which only a part of a warp took part

    void add(const LaunchCounts& other);  ///< sums the counts, keeps name and extents
};

/// The simulated device: .cu kernels compiled for the host and run thread by thread (docs/sim.md).
/// Launches run to their end before they return. One context is used by one thread at a time.
class SimContext {
  public:
    explicit SimContext(const SimOptions& options = {});

    const DeviceProperties& properties() const { return properties_; }
    int threads() const;   ///< of the processor, that launches use
    void synchronize() {}  ///< as CudaContext's: here a launch has ended when it returns
    ConvChooser* conv_chooser() const { return conv_chooser_.get(); }  ///< as CudaContext's
    void set_conv_chooser(std::shared_ptr<ConvChooser> chooser) { conv_chooser_ = chooser; }

    SimOptions options;
    std::vector<LaunchCounts> launches;  ///< one entry per launch while options.count
    DeviceTrace trace;                   ///< while options.trace
    /// Every launch's writes to this range of global memory are remembered: see order_check.h.
    std::span<const std::byte> watched;
    struct Writer {
        const char* kernel = nullptr;
        Extent3 block{0, 0, 0}, thread{0, 0, 0};
    };
    std::vector<Writer> writers;  ///< the last writer of each watched byte

  private:
    DeviceProperties properties_;
    std::shared_ptr<ConvChooser> conv_chooser_;
};

/// Calls run() with threads in forward, backward and shuffled order and compares what it leaves in
/// `output`. Throws Error if they differ, naming the kernel and the threads that wrote the first
/// byte that differs: a result that depends on the order of threads is a race.
void check_order_independence(SimContext& context, std::span<std::byte> output,
                              const std::function<void()>& run);

}  // namespace sg
