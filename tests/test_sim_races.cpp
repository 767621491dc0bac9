#include "kernels/common/device.cuh"
#include "tests/support.h"

// Kernels whose threads touch shared memory in no order: check_races names both of them, and lets
// the correct versions pass.

namespace sg {

namespace {

enum class Race {
    read_after_write,  ///< the barrier before another thread reads is missing
    write_after_read,  ///< that before the memory is used again
    write_write,       ///< two threads write the same
    first_value,       ///< that between setting a counter and counting
    last_value,        ///< that between counting and reading the counter
    lanes,             ///< __syncwarp between lanes
    shuffled_lanes,    ///< a shuffle is no barrier
    other_warp,        ///< __syncwarp where __syncthreads is needed
    cluster_write,     ///< cluster_sync before another block reads
    cluster_block,     ///< __syncthreads where cluster_sync is needed
    copy_read,         ///< the wait for a copy_async is missing
    copy_wait,         ///< the barrier between it and other threads is
    copy_overwrite,    ///< a copy_async starts while others read what it writes
    vector,            ///< a vector store beside another thread's scalar
    count
};

__device__ void barrier_races(Race race, bool wrong, Shared<int> x, int t, int next) {
    if (race == Race::read_after_write || race == Race::write_after_read) {
        x[t] = t;
        if (!wrong || race == Race::write_after_read) __syncthreads();
        const int value = x[next];
        if (!wrong || race == Race::read_after_write) __syncthreads();
        x[t] = value;
    }
    if (race == Race::write_write) x[wrong ? t / 2 : t] = t;
    if (race == Race::first_value || race == Race::last_value) {
        if (t == 3) x[0] = 0;
        if (!wrong || race == Race::last_value) __syncthreads();
        atomicAdd(x, 1);
        if (!wrong || race == Race::first_value) __syncthreads();
        if (t == 5) x[1] = x[0];
    }
    if (race == Race::vector) {
        if (t == 0) store(x, Vec<int, 4>{});
        if (t == 40) x[wrong ? 3 : 4] = 1;
    }
}

__device__ void lane_races(Race race, bool wrong, Shared<int> x, int t, int next) {
    x[t] = t;
    if (race == Race::shuffled_lanes && wrong)
        __shfl_xor_sync(0xFFFFFFFFu, t, 1);
    else if (race == Race::other_warp && !wrong)
        __syncthreads();
    else if (race == Race::other_warp || !wrong)
        __syncwarp();
    const int lane = race == Race::other_warp ? next : t / 32 * 32 + next % 32;
    const int value = x[lane];
    if (race == Race::other_warp) return;
    __syncwarp();
    x[t] = value;
}

__device__ void cluster_races(Race race, bool wrong, Shared<int> x, int t) {
    x[t] = t;
    if (!wrong)
        cluster_sync();
    else if (race == Race::cluster_block)
        __syncthreads();
    const int other = remote_shared(x, cluster_rank() ^ 1u)[t];
    cluster_sync();
    x[t] = other;
}

__device__ void copy_races(Race race, bool wrong, Shared<int> x, int t, int next,
                           Global<const int> from) {
    if (race == Race::copy_overwrite) {
        x[t] = t;
        __syncthreads();
        if (t == 40) x[64] = x[7];
        if (!wrong) __syncthreads();
    }
    copy_async<4>(x + t, from + t);
    copy_async_commit();
    if (race != Race::copy_read || !wrong) copy_async_wait<0>();
    if (race != Race::copy_wait || !wrong) __syncthreads();
    if (t != 40) return;
    x[64] = x[next];
}

__global__ void race_kernel(Race race, bool wrong, Global<const int> from) {
    const Shared<int> x = dynamic_shared<int>();
    const int t = int(threadIdx.x), next = (t + 1) % int(blockDim.x);
    if (race < Race::lanes || race == Race::vector) return barrier_races(race, wrong, x, t, next);
    if (race < Race::cluster_write) return lane_races(race, wrong, x, t, next);
    if (race < Race::copy_read) return cluster_races(race, wrong, x, t);
    copy_races(race, wrong, x, t, next, from);
}

/// Atomics of all threads on a few words, and a chain of partial __syncwarps: a hands on to b,
/// b to c, so a's write is ordered before c's read.
__global__ void ordered_kernel(Global<int> y) {
    __shared__ SharedArray<int, 8> x;
    const int t = int(threadIdx.x);
    atomicAdd(x + t % 4, 1);
    atomicMax(x + t % 4, t);
    if (t == 0) x[5] = 17;
    if (t < 2) __syncwarp(0x3u);
    if (t == 1 || t == 2) __syncwarp(0x6u);
    if (t == 2) y[0] = x[5];
}

/// Threads 0 and 33 read a value; 33 then overwrites it, but knows only its own reading is done.
__global__ void second_reader_kernel(Global<int> y) {
    __shared__ SharedArray<int, 1> x;
    const int t = int(threadIdx.x);
    if (t == 0) x[0] = 1;
    __syncthreads();
    if (t == 0 || t == 33) y[t] = int(x[0]);
    if (t == 33) x[0] = 2;
}

/// Starts a copy and leaves without having waited for it.
__global__ void abandoned_copy_kernel(Global<const int> x) {
    copy_async<4>(dynamic_shared<int>(), x);
    copy_async_commit();
}

/// Waits for all copies of its own: there are none.
__global__ void later_wait_kernel(Global<int> y) {
    const Shared<int> x = dynamic_shared<int>();
    x[0] = 5;
    copy_async_commit();
    copy_async_wait<0>();
    y[0] = int(x[0]);
}

}  // namespace

}  // namespace sg

using namespace sg;
using namespace sg::testing;

namespace {

constexpr ThreadOrder kOrders[] = {ThreadOrder::forward, ThreadOrder::backward,
                                   ThreadOrder::shuffled};

void run(SimContext& context, Race race, bool wrong) {
    const std::vector<int> from(64, 1);
    launch(context,
           {.kernel = "race_kernel", .grid = 4, .block = 64, .shared = 65 * 4, .cluster = 2},
           race_kernel, race, wrong, from.data());
}

std::string found(ThreadOrder order, Race race) {
    SimContext context(SimOptions{.threads = 1, .order = order, .check_races = true});
    const std::string text = error_of([&] { run(context, race, true); });
    CHECK_NOTHROW(run(context, race, false));
    context.options.check_races = false;
    CHECK_NOTHROW(run(context, race, true));
    return text;
}

}  // namespace

TEST_CASE("the simulated device finds races in any order of threads") {
    for (const ThreadOrder order : kOrders)
        for (int race = 0; race < int(Race::count); ++race) {
            INFO("race " << race << ", order " << int(order));
            const std::string text = found(order, Race(race));
            INFO(text);
            CHECK(text.find("race_kernel: block (") == 0);
            CHECK(text.find(": race: it ") != std::string::npos);
            const size_t first = text.find("block ("), second = text.rfind("block (");
            REQUIRE(first < second);
            CHECK(text.substr(first, 27) != text.substr(second, 27));
        }
}

TEST_CASE("the simulated device says which threads race, and where") {
    const auto check = [](Race race, const std::vector<std::string>& parts) {
        const std::string text = found(ThreadOrder::forward, race);
        for (const std::string& part : parts) {
            INFO(text << " should mention " << part);
            CHECK(text.find(part) != std::string::npos);
        }
    };
    const auto threads = [](int now, int earlier) {
        return std::vector<std::string>{fmt::format("block (0,0,0), thread ({},0,0): race", now),
                                        fmt::format("block (0,0,0), thread ({},0,0)", earlier),
                                        "of the shared memory of block 0 of its cluster"};
    };
    const auto both = [](std::vector<std::string> a, const std::vector<std::string>& b) {
        a.insert(a.end(), b.begin(), b.end());
        return a;
    };
    check(Race::read_after_write, both(threads(1, 0), {"writes byte 4 ", "read with no barrier"}));
    check(Race::write_after_read, both(threads(1, 0), {"writes byte 4 ", "read with no barrier"}));
    check(Race::write_write, both(threads(1, 0), {"writes byte 0 ", "wrote with no barrier"}));
    check(Race::first_value, both(threads(3, 2), {"writes byte 0 ", "wrote"}));
    check(Race::vector, both(threads(40, 0), {"writes byte 12 ", "wrote"}));
    check(Race::copy_read, both(threads(40, 41), {"reads byte 164 ", "copy_async", "under way"}));
    check(Race::copy_overwrite, both(threads(40, 7), {"reads byte 28 ", "wrote with no barrier"}));
    check(Race::cluster_block, {"block (1,0,0), thread (0,0,0): race", "block (0,0,0), thread (0",
                                "writes byte 0 of the shared memory of block 1 of its cluster"});
}

TEST_CASE("atomics do not race, and __syncwarps of parts of a warp add up") {
    for (const ThreadOrder order : kOrders) {
        SimContext context(SimOptions{.order = order, .check_races = true});
        int y = 0;
        CHECK_NOTHROW(launch(context, {.kernel = "ordered_kernel", .grid = 1, .block = 64},
                             ordered_kernel, &y));
        CHECK(y == 17);
    }
}

TEST_CASE("a reader in front of the writer's own reading is remembered") {
    SimContext context(SimOptions{.order = ThreadOrder::forward, .check_races = true});
    int y[64] = {};
    expect_error(
        [&] {
            launch(context, {.kernel = "second_reader_kernel", .grid = 1, .block = 64},
                   second_reader_kernel, y);
        },
        {"thread (33,0,0): race: it writes byte 0", "thread (0,0,0) read"});
}

TEST_CASE("a copy that nobody waited for does not reach a later launch") {
    SimContext context(SimOptions{.threads = 1});
    int x = 7, y = 0;
    launch(context, {.kernel = "abandoned_copy_kernel", .grid = 1, .block = 1, .shared = 16},
           abandoned_copy_kernel, &x);
    launch(context, {.kernel = "later_wait_kernel", .grid = 1, .block = 1, .shared = 16},
           later_wait_kernel, &y);
    CHECK(y == 5);
}
