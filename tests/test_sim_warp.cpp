#include <random>

#include "kernels/common/device.cuh"
#include "tests/support.h"

// The simulated device's votes, reductions and barriers of a warp.

namespace sg {

namespace {

struct Results {
    uint32_t ballot;
    int any, all, add, least, most;
    unsigned unsigned_add, unsigned_least, unsigned_most, conjunction, disjunction, parity;
    bool operator==(const Results&) const = default;
};

__global__ void collective_kernel(uint32_t mask, uint32_t predicates, Global<const int> x,
                                  Global<Results> y) {
    const int lane = int(threadIdx.x);
    if (!(mask >> lane & 1u)) return;
    const int p = int(predicates >> lane & 1u) * 4, v = x[lane];
    Results r;
    r.ballot = __ballot_sync(mask, p);
    r.any = __any_sync(mask, p);
    r.all = __all_sync(mask, p);
    r.add = __reduce_add_sync(mask, v);
    r.least = __reduce_min_sync(mask, v);
    r.most = __reduce_max_sync(mask, v);
    r.unsigned_add = __reduce_add_sync(mask, unsigned(v));
    r.unsigned_least = __reduce_min_sync(mask, unsigned(v));
    r.unsigned_most = __reduce_max_sync(mask, unsigned(v));
    r.conjunction = __reduce_and_sync(mask, unsigned(v));
    r.disjunction = __reduce_or_sync(mask, unsigned(v));
    r.parity = __reduce_xor_sync(mask, unsigned(v));
    y[lane] = r;
}

/// Lanes of `mask`, and on their own the others, hand a value on to the next of their set.
__global__ void syncwarp_kernel(uint32_t mask, Global<const int> next, Global<int> y) {
    __shared__ SharedArray<int, 64> slots;
    const int lane = int(threadIdx.x);
    const uint32_t mine = mask >> lane & 1u ? mask : ~mask;
    for (int round = 0; round < 3; ++round) {
        slots[lane] = 100 * round + lane;
        __syncwarp(mine);
        y[32 * round + lane] = slots[next[lane]];
        __syncwarp(mine);
    }
}

__global__ void ragged_kernel(Global<int> y) {
    const int i = int(threadIdx.x);
    const uint32_t mask = i < 32 ? 0xFFFFFFFFu : 0xFFFFu;
    const int sum = __reduce_add_sync(mask, i);
    y[i] = sum + 1000 * __shfl_down_sync(mask, i, 1, 16);
}

/// Lane l leaves after l rounds; each round counts who is left.
__global__ void leaving_kernel(Global<int> y) {
    const int lane = int(threadIdx.x);
    uint32_t left = 0xFFFFFFFFu;
    int sum = 0;
    for (int round = 0;; ++round) {
        left = __ballot_sync(left, round < lane);
        if (round >= lane) break;
        sum += __reduce_add_sync(left, 1);
    }
    y[lane] = sum;
}

}  // namespace

}  // namespace sg

using namespace sg;
using namespace sg::testing;

namespace {

constexpr int kLanes = 32;
const std::vector<ThreadOrder> kOrders = {ThreadOrder::forward, ThreadOrder::backward,
                                          ThreadOrder::shuffled};

SimOptions ordered(ThreadOrder order) {
    SimOptions options;
    options.order = order;
    return options;
}

}  // namespace

TEST_CASE("votes and reductions of the simulated device equal loops") {
    std::mt19937 random(5);
    for (int i = 0; i < 100; ++i) {
        const uint32_t mask = i == 0 ? ~0u : i == 1 ? 1u << 31 : uint32_t(random()) | 4u;
        const uint32_t predicates = i % 4 == 0 ? ~0u : i % 4 == 1 ? ~mask : uint32_t(random());
        std::vector<int> x(kLanes);
        for (int& v : x) v = int(random());
        Results want{predicates & mask,
                     (predicates & mask) != 0,
                     (predicates & mask) == mask,
                     0,
                     INT32_MAX,
                     INT32_MIN,
                     0,
                     ~0u,
                     0,
                     ~0u,
                     0,
                     0};
        for (int l = 0; l < kLanes; ++l) {
            if (!(mask >> l & 1u)) continue;
            const auto u = unsigned(x[l]);
            want.add = int(unsigned(want.add) + u), want.unsigned_add += u;
            want.least = std::min(want.least, x[l]), want.most = std::max(want.most, x[l]);
            want.unsigned_least = std::min(want.unsigned_least, u);
            want.unsigned_most = std::max(want.unsigned_most, u);
            want.conjunction &= u, want.disjunction |= u, want.parity ^= u;
        }
        std::vector<Results> y(kLanes, Results{});
        SimContext context(ordered(kOrders[i % 3]));
        launch(context, {.kernel = "collective_kernel", .grid = 1, .block = kLanes},
               collective_kernel, mask, predicates, x.data(), y.data());
        for (int l = 0; l < kLanes; ++l) CHECK(y[l] == (mask >> l & 1u ? want : Results{}));
    }
}

TEST_CASE("__syncwarp orders the lanes of its mask") {
    std::mt19937 random(8);
    for (int i = 0; i < 30; ++i) {
        const uint32_t mask = i == 0 ? ~0u : uint32_t(random());
        std::vector<int> next(kLanes), y(3 * kLanes, -1);
        for (int l = 0; l < kLanes; ++l)
            for (next[l] = (l + 1) % kLanes; (mask >> next[l] & 1u) != (mask >> l & 1u);)
                next[l] = (next[l] + 1) % kLanes;
        SimContext context(ordered(kOrders[i % 3]));
        context.options.check_races = true;
        launch(context, {.kernel = "syncwarp_kernel", .grid = 1, .block = kLanes}, syncwarp_kernel,
               mask, next.data(), y.data());
        for (int j = 0; j < 3 * kLanes; ++j) CHECK(y[j] == 100 * (j / kLanes) + next[j % kLanes]);
    }
}

TEST_CASE("a simulated block may end in the middle of a warp") {
    for (const ThreadOrder order : kOrders) {
        SimContext context(ordered(order));
        std::vector<int> y(48);
        launch(context, {.kernel = "ragged_kernel", .grid = 1, .block = 48}, ragged_kernel,
               y.data());
        for (int i = 0; i < 48; ++i)
            CHECK(y[i] == (i < 32 ? 496 : 632) + 1000 * (i % 16 == 15 ? i : i + 1));
    }
}

TEST_CASE("lanes may leave a loop of collectives one by one") {
    for (const ThreadOrder order : kOrders) {
        SimContext context(ordered(order));
        std::vector<int> y(kLanes);
        launch(context, {.kernel = "leaving_kernel", .grid = 1, .block = kLanes}, leaving_kernel,
               y.data());
        for (int l = 0, want = 0; l < kLanes; want += 31 - l, ++l) CHECK(y[l] == want);
    }
}
