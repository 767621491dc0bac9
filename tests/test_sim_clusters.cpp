#include <numeric>

#include "kernels/common/device.cuh"
#include "tests/support.h"

// The simulated device's clusters with distributed shared memory, and its copies in the background.

namespace sg {

namespace {

/// Each thread adds what the same thread of all blocks of its cluster, from the next one on, has in
/// static and in dynamic shared memory.
__global__ void neighbours_kernel(Global<const int> x, Global<int> y) {
    __shared__ SharedArray<int, 64> fixed;
    const Shared<int> sized = dynamic_shared<int>(16);
    const unsigned t = threadIdx.x;
    const int64_t i = int64_t(blockIdx.x) * blockDim.x + t;
    fixed[t] = x[i];
    sized[t] = 3 * x[i];
    cluster_sync();
    int sum = 0;
    for (unsigned r = 0; r < cluster_blocks(); ++r) {
        const unsigned rank = (cluster_rank() + 1 + r) % cluster_blocks();
        sum = sum * 3 % 10007 + remote_shared(fixed + t, rank)[0];
        sum += remote_shared(sized, rank)[t];
    }
    cluster_sync();  // nobody returns while others read
    y[i] = sum;
}

/// Every block of the cluster writes its element of block 0's table.
__global__ void gather_kernel(Global<int> y) {
    __shared__ SharedArray<int, 16> table;
    cluster_sync();
    if (threadIdx.x == 0) remote_shared(table.pointer(), 0)[cluster_rank()] = int(blockIdx.x) + 1;
    cluster_sync();
    if (cluster_rank() == 0 && threadIdx.x < cluster_blocks())
        y[blockIdx.x + threadIdx.x] = table[threadIdx.x];
}

struct Arrival {
    float before, first, second;
};

__global__ void arrival_kernel(Global<const float> x, Global<Arrival> y) {
    const Shared<float> there = dynamic_shared<float>();
    const int t = int(threadIdx.x), n = int(blockDim.x);
    there[t] = -1;
    there[n + t] = -1;
    copy_async<4>(there + t, Global<const float>(x + t));
    copy_async_commit();
    copy_async<4>(there + (n + t), Global<const float>(x + (n + t)));
    copy_async_commit();
    Arrival seen;
    seen.before = there[t];
    copy_async_wait<1>();
    seen.first = there[t];
    seen.second = there[n + t];
    copy_async_wait<0>();
    if (float(there[n + t]) != float(x[n + t])) seen.before = 100;
    y[t] = seen;
}

/// Sums of steps of 4 * blockDim values; the next step's copy is under way during the present one.
template <int bytes>
__global__ void pipeline_kernel(int steps, Global<const float> x, Global<float> y) {
    constexpr int wide = bytes / 4;
    const int t = int(threadIdx.x), size = int(blockDim.x) * wide;
    const Shared<float> buffer = dynamic_shared<float>();
    const auto fetch = [&](int step) {
        if (step < steps)
            copy_async<bytes>(buffer + (step % 2 * size + t * wide), x + (step * size + t * wide));
        copy_async_commit();
    };
    fetch(0);
    float sum = 0;
    for (int step = 0; step < steps; ++step) {
        fetch(step + 1);
        copy_async_wait<1>();
        __syncthreads();
        for (int k = 0; k < wide; ++k) sum += buffer[step % 2 * size + size - 1 - (t * wide + k)];
        __syncthreads();  // before the buffer is filled again
    }
    y[t] = sum;
}

/// Blocks of 1024 threads that all wait.
__global__ void crowd_kernel(Global<int> y) {
    __shared__ SharedArray<int, 1024> marks;
    marks[threadIdx.x] = int(threadIdx.x);
    cluster_sync();
    const int mine = remote_shared(marks + (1023 - threadIdx.x), cluster_blocks() - 1)[0];
    cluster_sync();
    y[int64_t(blockIdx.x) * 1024 + threadIdx.x] = mine;
}

}  // namespace

}  // namespace sg

using namespace sg;
using namespace sg::testing;

namespace {

constexpr ThreadOrder kOrders[] = {ThreadOrder::forward, ThreadOrder::backward,
                                   ThreadOrder::shuffled};

}  // namespace

TEST_CASE("blocks of a simulated cluster read each other's shared memory") {
    for (const ThreadOrder order : kOrders)
        for (const unsigned cluster : {1u, 2u, 4u, 8u, 16u}) {
            SimContext context(SimOptions{.threads = 2, .order = order, .check_races = true});
            const unsigned block = 40, grid = 32;
            std::vector<int> x(grid * block), y(x.size());
            for (size_t i = 0; i < x.size(); ++i) x[i] = int(i * i % 97);
            launch(context,
                   {.kernel = "neighbours_kernel",
                    .grid = grid,
                    .block = block,
                    .shared = 16 + block * sizeof(int),
                    .cluster = cluster},
                   neighbours_kernel, x.data(), y.data());
            for (unsigned b = 0; b < grid; ++b)
                for (unsigned t = 0; t < block; ++t) {
                    int want = 0;
                    for (unsigned r = 1; r <= cluster; ++r) {
                        const unsigned from = b / cluster * cluster + (b + r) % cluster;
                        want = want * 3 % 10007 + 4 * x[from * block + t];
                    }
                    REQUIRE(y[b * block + t] == want);
                }
        }
}

TEST_CASE("blocks of a simulated cluster write to one of them") {
    for (const ThreadOrder order : kOrders) {
        SimContext context(SimOptions{.order = order, .check_races = true});
        std::vector<int> y(48);
        launch(context, {.kernel = "gather_kernel", .grid = {24, 2}, .block = 33, .cluster = 8},
               gather_kernel, y.data());
        for (int i = 0; i < 24; ++i) CHECK(y[i] == i + 1);
    }
}

TEST_CASE("a copy in the background arrives when it is waited for") {
    SimContext context;
    const int n = 37;
    const auto x = to<float>(uniform(2 * n, 1));
    std::vector<Arrival> y(n);
    launch(context, {.kernel = "arrival_kernel", .grid = 1, .block = n, .shared = 2 * n * 4},
           arrival_kernel, x.data(), y.data());
    for (int t = 0; t < n; ++t) {
        CHECK(y[t].before == -1);
        CHECK(y[t].first == x[t]);
        CHECK(y[t].second == -1);
    }
}

TEST_CASE("copies in the background feed a loop") {
    const auto check = [&]<int bytes>(std::integral_constant<int, bytes>, ThreadOrder order) {
        SimContext context(SimOptions{.order = order, .check_races = true});
        const int steps = 5, block = 64, size = block * bytes / 4;
        alignas(16) float x[steps * 256], y[block];
        for (int i = 0; i < steps * size; ++i) x[i] = float(i * i % 101);
        launch(context,
               {.kernel = "pipeline_kernel", .grid = 1, .block = block, .shared = 2u * size * 4},
               pipeline_kernel<bytes>, steps, &x[0], &y[0]);
        for (int t = 0; t < block; ++t) {
            float want = 0;
            for (int step = 0; step < steps; ++step)
                for (int k = 0; k < bytes / 4; ++k)
                    want += x[step * size + size - 1 - t * bytes / 4 - k];
            CHECK(y[t] == want);
        }
    };
    for (const ThreadOrder order : kOrders) {
        check(std::integral_constant<int, 4>{}, order);
        check(std::integral_constant<int, 8>{}, order);
        check(std::integral_constant<int, 16>{}, order);
    }
}

TEST_CASE("several of the largest clusters run at the same time") {
    SimContext context(SimOptions{.threads = 3});  // 49152 fibers
    std::vector<int> y(48 * 1024);
    launch(context, {.kernel = "crowd_kernel", .grid = 48, .block = 1024, .cluster = 16},
           crowd_kernel, y.data());
    for (size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == int(1023 - i % 1024));
}
