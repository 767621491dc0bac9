#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "kernels/conv/wgmma/config.cuh"
#include "kernels/conv/wgmma/pipeline.cuh"
#include "tests/support.h"
#include "tests/wgmma_model.h"

using namespace sg;
using namespace sg::testing;

// What of the Hopper version of convolution can be tested without a Hopper GPU: that wgmma's
// descriptors lead to the elements of our tiles, and that copies and products wait for each other.

namespace {

/// A tile [sides][64] in memory, as the copiers leave it: every element is its own number.
template <class Layout>
std::vector<uint16_t> numbered_tile(int sides) {
    std::vector<uint16_t> memory(Layout::elements);
    for (int side = 0; side < sides; ++side)
        for (int depth = 0; depth < 64; ++depth)
            memory[size_t(Layout::by_depth ? Layout::at(side, depth) : Layout::at(depth, side))] =
                uint16_t(side * 64 + depth);
    return memory;
}

/// Elements of products of `width` sides, from each of the sides 0, `width`, ..., that the hardware
/// would not find where the tile has them.
template <int sides, Contiguous contiguous>
int misplaced(int width, unsigned address) {
    using Layout = TileLayout<bf16, sides, 64, contiguous>;
    using Operand = WgmmaOperand<Layout>;
    const auto memory = numbered_tile<Layout>(sides);
    int wrong = 0;
    for (int first = 0; first < sides; first += width)
        for (int k = 0; k < 4; ++k) {
            const uint64_t descriptor =
                wgmma_moved(Operand::descriptor(address, first), k * Operand::step_bytes);
            for (int side = 0; side < width; ++side)
                for (int depth = 0; depth < 16; ++depth) {
                    const unsigned at =
                        wgmma_address(descriptor, !Layout::by_depth, side, depth) - address;
                    wrong += at / 2 >= memory.size() ||
                             memory[at / 2] != (first + side) * 64 + k * 16 + depth;
                }
        }
    return wrong;
}

/// An mbarrier by the PTX ISA, for threads of the host.
class Mbarrier {
  public:
    explicit Mbarrier(int arrivals) : arrivals_(arrivals), pending_(arrivals) {}
    void arrive() {
        const std::lock_guard lock(mutex_);
        if (--pending_ > 0) return;
        pending_ = arrivals_;
        phase_ ^= 1;
        ended_.notify_all();
    }
    /// False if the phase does not end: a deadlock.
    bool wait(unsigned parity) {
        std::unique_lock lock(mutex_);
        return ended_.wait_for(lock, std::chrono::seconds(20), [&] { return phase_ != parity; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable ended_;
    int arrivals_, pending_;
    unsigned phase_ = 0;
};

/// The barriers and the slots, where each producer thread has one number per slot: the tile's.
template <int stages>
struct Block {
    static constexpr int producers = 2, consumers = 3;
    std::deque<Mbarrier> full, free;
    std::array<std::array<std::atomic<int>, producers>, stages> slots;
    std::atomic<int> mistakes = 0, stuck = 0;

    Block() {
        for (int i = 0; i < stages; ++i) {
            full.emplace_back(producers);
            free.emplace_back(consumers);
            for (auto& number : slots[i]) number = -1;
        }
    }
    void wait(Mbarrier& barrier, unsigned parity) {
        if (stuck || !barrier.wait(parity)) stuck = 1;
    }
};

/// Copies land when they are waited for, the last moment that the GPU allows.
template <int stages>
struct ProducerThread {
    Block<stages>& block;
    int number;
    struct Copy {
        int slot, tile;
    };
    mutable std::vector<Copy> open = {};
    mutable std::deque<std::vector<Copy>> commits = {};

    void wait_free(int slot, unsigned parity) const { block.wait(block.free[slot], parity); }
    void copy(int slot, int tile) const {
        block.slots[slot][number] = -1;  // or at once: somebody who still reads it will notice
        open.push_back({slot, tile});
    }
    void commit() const { commits.push_back(std::exchange(open, {})); }
    void wait_copies() const {
        for (; int(commits.size()) > TileRing<stages>::ahead; commits.pop_front())
            for (const Copy& c : commits.front()) block.slots[c.slot][number] = c.tile;
    }
    void publish(int slot) const { block.full[slot].arrive(); }
};

/// Products read their slot when they begin and again when they are waited for.
template <int stages>
struct ConsumerThread {
    Block<stages>& block;
    int begun = 0, read = 0;
    std::deque<int> under_way = {};

    void check(int slot, int tile) {
        for (const auto& number : block.slots[slot]) block.mistakes += number != tile;
    }
    void wait_full(int slot, unsigned parity) { block.wait(block.full[slot], parity); }
    void multiply(int slot) {
        check(slot, begun++);
        under_way.push_back(slot);
    }
    template <int tiles>
    void wait_products() {
        for (; int(under_way.size()) > tiles; under_way.pop_front())
            check(under_way.front(), read++);
    }
    void release(int slot) { block.free[slot].arrive(); }
};

template <int stages>
void run_pipeline(int tiles) {
    CAPTURE(stages, tiles);
    Block<stages> block;
    std::atomic<int> read = 0;
    {
        std::vector<std::jthread> threads;
        for (int number = 0; number < block.producers; ++number)
            threads.emplace_back([&block, number, tiles] {
                produce_tiles<stages>(ProducerThread<stages>{block, number}, tiles);
            });
        for (int number = 0; number < block.consumers; ++number)
            threads.emplace_back([&block, &read, tiles] {
                ConsumerThread<stages> side{block};
                consume_tiles<stages>(side, tiles);
                read += side.read;
            });
    }
    CHECK(block.stuck == 0);
    CHECK(block.mistakes == 0);
    CHECK(read == block.consumers * tiles);
}

}  // namespace

TEST_CASE("a wgmma descriptor has its fields where the PTX ISA says", "[wgmma]") {
    const uint64_t d = wgmma_descriptor(0x30C20, 8192, 1024);
    CHECK((d & 0x3FFF) == 0x30C2);
    CHECK((d >> 16 & 0x3FFF) == 512);
    CHECK((d >> 32 & 0x3FFF) == 64);
    CHECK(d >> 62 == 1);
    CHECK((d & ~(0x3FFFull | 0x3FFFull << 16 | 0x3FFFull << 32 | 3ull << 62)) == 0);
    CHECK(wgmma_moved(d, 96) == wgmma_descriptor(0x30C80, 8192, 1024));
}

TEST_CASE("wgmma finds every element of our tiles", "[wgmma]") {
    for (const unsigned address : {0u, 0x400u, 0x9C00u, 0x30000u}) {
        CAPTURE(address);
        CHECK(misplaced<128, Contiguous::depth>(64, address) == 0);  // A, two warpgroups
        CHECK(misplaced<64, Contiguous::depth>(64, address) == 0);   // B of forward
        CHECK(misplaced<128, Contiguous::depth>(128, address) == 0);
        CHECK(misplaced<256, Contiguous::depth>(256, address) == 0);
        CHECK(misplaced<64, Contiguous::side>(64, address) == 0);  // B of dgrad
        CHECK(misplaced<128, Contiguous::side>(128, address) == 0);
        CHECK(misplaced<256, Contiguous::side>(256, address) == 0);
    }
    CHECK(misplaced<64, Contiguous::depth>(64, 0x80) > 0);  // not a multiple of 1024
}

TEST_CASE("the sums of two warpgroups are the whole tile", "[wgmma]") {
    using C = WgmmaConfig<256, Contiguous::depth>;
    std::vector<int> owners(size_t(C::tile_m * C::tile_n));
    for (int thread = 0; thread < C::threads; ++thread)
        for (int i = 0; i < C::tile_n / 2; ++i)
            ++owners[size_t(C::sum_row(thread, i) * C::tile_n + C::sum_column(thread, i))];
    CHECK(std::count(owners.begin(), owners.end(), 1) == int64_t(owners.size()));
    for (int thread : {0, 127, 128, 255}) {  // 64 rows to each warpgroup
        CHECK(C::sum_row(thread, 0) / 64 == thread / 128);
        CHECK(C::sum_row(thread, 127) / 64 == thread / 128);
    }
}

TEST_CASE("copies and products of tiles wait for each other", "[wgmma]") {
    for (int tiles : {0, 1, 2, 3, 4, 5, 7, 8, 9, 36, 200}) {
        run_pipeline<3>(tiles);
        run_pipeline<4>(tiles);
        run_pipeline<5>(tiles);
    }
}
