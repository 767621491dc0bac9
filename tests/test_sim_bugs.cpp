#include <stdexcept>

#include "kernels/common/device.cuh"
#include "tests/support.h"

// Kernels whose threads do not meet: the simulated device says what, where, and which threads.

namespace sg {

namespace {

/// `bug` chooses the mistake; thread `t` of block 1 makes it. 0: none, all else is well.
__global__ void barrier_kernel(int bug, int t, Global<int> y) {
    const bool wrong = blockIdx.x == 1 && int(threadIdx.x) == t;
    if (bug == 1 && wrong) return;  // while others wait, or before they do
    if (bug == 2 && wrong)
        __syncthreads();
    else
        __syncthreads();
    if (bug == 3 && blockIdx.x == 1 && int(threadIdx.x) >= t)
        __syncwarp(0xFFFF0000u);
    else if (bug == 3)
        __syncthreads();
    if (bug == 4 && wrong) cluster_sync();
    __syncthreads();
    y[int64_t(blockIdx.x) * blockDim.x + threadIdx.x] = bug;
}

__global__ void collective_bug_kernel(int bug, Global<int> y) {
    const int t = int(threadIdx.x), lane = t % 32;
    int value = t;
    if ((bug == 1 && t == 37) || (bug == 8 && t == 32)) return;
    if (bug == 2 && lane == 5) __syncthreads();
    if (bug == 3 && t == 37) value = __shfl_sync(0xFFFFFFDFu, value, 1);  // all but lane 5
    if (bug == 4 && t == 37) __syncwarp(0x21u);
    if (bug == 5 && t >= 32) value = __shfl_sync(0xFFFFFFFFu, value, 0, 12);
    if (bug == 6 && t >= 32 && lane < 8) value = __shfl_down_sync(0xFFu, value, 1);
    if (bug == 7 && t == 36) value = __shfl_xor_sync(0xFFFFFFFFu, value, 1);
    value += __shfl_xor_sync(0xFFFFFFFFu, value, 2);
    y[t] = value;
}

__global__ void returned_kernel(Global<int> y) {
    __shared__ SharedArray<int, 1> value;
    value[0] = int(blockIdx.x);
    cluster_sync();
    y[blockIdx.x] = remote_shared(value.pointer(), cluster_rank() ^ 1u)[0];
    if (gridDim.y > 1) cluster_sync();  // the correct version
}

__global__ void order_kernel(bool wrong, Global<int> y, Global<int> sum) {
    const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(sum, i);
    y[wrong ? i / 2 : i] = i;
}

__global__ void throwing_kernel(bool wrong, Global<int> y) {
    if (threadIdx.x < 20) __syncwarp(0xFFFFFu);
    if (wrong && threadIdx.x == 25) throw std::runtime_error("from a kernel");
    __syncthreads();
    y[threadIdx.x] = 1;
}

}  // namespace

}  // namespace sg

using namespace sg;
using namespace sg::testing;

namespace {

/// What launch(bug) throws must hold `parts`; launch(0) must pass on the same context afterwards.
template <class Body>
void check_bug(const Body& launch, int bug, const std::vector<std::string>& parts) {
    INFO("bug " << bug);
    expect_error([&] { launch(bug); }, parts);
    CHECK_NOTHROW(launch(0));
}

}  // namespace

TEST_CASE("the simulated device reports barriers that not all threads reach") {
    for (const int t : {0, 17, 63}) {
        SimContext context;
        std::vector<int> y(3 * 64);
        const auto run = [&](int bug) {
            launch(context, {.kernel = "barrier_kernel", .grid = 3, .block = 64}, barrier_kernel,
                   bug, t, y.data());
        };
        const std::string thread = fmt::format("block (1,0,0), thread ({},0,0)", t);
        const std::string file = "test_sim_bugs.cpp";
        check_bug(run, 1,
                  {"barrier_kernel", "divergent barrier", "waits at __syncthreads", file,
                   thread + " has returned"});
        check_bug(run, 2, {"barrier_kernel", "divergent barrier", thread, "arrived at", file});
        check_bug(run, 4,
                  {"barrier_kernel", "wait for each other", thread + " waits at cluster_sync",
                   " waits at __syncthreads", file});
    }
    SimContext context;
    std::vector<int> y(3 * 64);
    const auto run = [&](int bug) {
        launch(context, {.kernel = "barrier_kernel", .grid = 3, .block = 64}, barrier_kernel, bug,
               48, y.data());
    };
    // Lanes 16 to 31 of the second warp meet at __syncwarp, the rest at another barrier.
    check_bug(run, 3, {"barrier_kernel", "divergent barrier", "block (1,0,0)", "thread (48,0,0)"});
}

TEST_CASE("the simulated device reports collectives that cannot complete") {
    SimContext context;
    std::vector<int> y(64);
    const auto run = [&](int bug) {
        launch(context, {.kernel = "collective_bug_kernel", .grid = 1, .block = 64},
               collective_bug_kernel, bug, y.data());
    };
    const std::string kernel = "collective_bug_kernel", lane5 = "block (0,0,0), thread (37,0,0)";
    check_bug(run, 1, {kernel, lane5, "returned", "0x0000001f", "__shfl_xor_sync", "0xffffffff"});
    check_bug(run, 2,
              {kernel, "wait for each other",
               "thread (0,0,0) waits at __shfl_xor_sync (test_sim_bugs.cpp",
               "thread (5,0,0) waits at __syncthreads (test_sim_bugs.cpp"});
    check_bug(run, 3, {kernel, lane5, "0xffffffdf", "not lane 5"});
    check_bug(run, 4, {kernel, lane5, "__syncwarp", "0x00000021", "__shfl_xor_sync"});
    check_bug(run, 5, {kernel, "thread (32,0,0)", "width 12"});
    check_bug(run, 6,
              {kernel, "thread (39,0,0)", "__shfl_down_sync", "reads lane 8", "0x000000ff"});
    check_bug(run, 8, {kernel, "thread (33,0,0)", "names lane 0, which has returned"});
    const auto ragged = [&](int bug) {
        launch(context, {.kernel = kernel.c_str(), .grid = 1, .block = bug ? 40u : 64u},
               collective_bug_kernel, 0, y.data());
    };
    check_bug(ragged, 1, {kernel, "thread (32,0,0)", "names lane 8", "does not have"});
}

TEST_CASE("the simulated device reports shared memory of a block that has returned") {
    for (const ThreadOrder order : {ThreadOrder::forward, ThreadOrder::backward}) {
        SimContext context(SimOptions{.order = order});
        std::vector<int> y(2);
        const auto run = [&](int bug) {
            launch(
                context,
                {.kernel = "returned_kernel", .grid = {2, bug ? 1u : 2u}, .block = 1, .cluster = 2},
                returned_kernel, y.data());
        };
        const bool forward = order == ThreadOrder::forward;
        check_bug(run, 1,
                  {"returned_kernel", forward ? "block (1,0,0)" : "block (0,0,0)",
                   forward ? "block 0 of its cluster" : "block 1 of its cluster", "returned"});
    }
}

TEST_CASE("the simulated device finds results that depend on the order of threads") {
    SimContext context(SimOptions{.threads = 2});
    std::vector<int> y(128, -1);
    int sum = 0;
    const auto check = [&](bool wrong) {
        sum = 0;
        check_order_independence(context, std::as_writable_bytes(std::span(y)), [&] {
            launch(context, {.kernel = "order_kernel", .grid = 4, .block = 32}, order_kernel, wrong,
                   y.data(), &sum);
        });
    };
    expect_error([&] { check(true); },
                 {"order_kernel", "byte 0 of the output depends on the order of threads",
                  "forward it was written by order_kernel, block (0,0,0), thread (1,0,0)",
                  "backward it was written by order_kernel, block (0,0,0), thread (0,0,0)"});
    CHECK(context.options.threads == 2);
    CHECK(context.options.order == ThreadOrder::forward);
    CHECK_NOTHROW(check(false));
    CHECK(y[100] == 100);
    CHECK(sum == 3 * 127 * 64);
}

TEST_CASE("what a simulated kernel throws reaches the launcher") {
    for (const int threads : {1, 2}) {
        SimContext context(SimOptions{.threads = threads});
        std::vector<int> y(32);
        const auto run = [&](bool wrong) {
            launch(context, {.kernel = "throwing_kernel", .grid = 8, .block = 32}, throwing_kernel,
                   wrong, y.data());
        };
        CHECK_THROWS_WITH(run(true), "from a kernel");
        CHECK_NOTHROW(run(false));
        CHECK(y == std::vector<int>(32, 1));
    }
}
