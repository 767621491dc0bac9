#include "kernels/common/device.cuh"
#include "tests/support.h"

// Addresses and launches beyond the simulated device's limits are reported.

namespace sg {

namespace {

/// Reads or writes element `at` of static, dynamic or global memory, `wide` elements at a time.
__global__ void address_kernel(int space, int wide, int at, Global<float> y) {
    __shared__ SharedArray<float, 64> fixed;
    const Shared<float> sized = dynamic_shared<float>();
    if (threadIdx.x != 3) return;
    const Shared<float> array = space == 0 ? fixed.pointer() : sized;
    if (wide == 4 && space < 2) store(array + at, Vec<float, 4>{});
    if (wide == 4 && space == 2) y[0] = load<4>(y + at)[0];
    if (wide == 2 && space < 2) y[0] = load<2>(Shared<const float>(array + at))[0];
    if (wide == 2 && space == 2) store(y + at, Vec<float, 2>{});
    if (wide == 1 && space < 2) array[at] = 1;
    if (wide == 0 && space < 2) atomicAdd(array + at, 1.0f);
    if (wide == 16) copy_async<16>(sized + at, Global<const float>(y));
}

__global__ void large_static_kernel(Global<int> y) {
    __shared__ SharedArray<int, 4096> first;
    __shared__ SharedArray<int, 8192> second;
    first[0] = 1;
    second[0] = 2;
    y[0] = first[0] + second[0];
}

__global__ void nothing_kernel() {}

}  // namespace

}  // namespace sg

using namespace sg;
using namespace sg::testing;

TEST_CASE("the simulated device reports accesses that miss shared memory or are misaligned") {
    SimContext context;
    alignas(16) float y[16] = {};
    const auto check = [&](int space, int wide, int at, const std::string& part) {
        INFO("space " << space << ", " << wide << " wide, at " << at);
        const auto run = [&](int i) {
            launch(context, {.kernel = "address_kernel", .grid = 2, .block = 4, .shared = 32 * 4},
                   address_kernel, space, wide, i, &y[0]);
        };
        CHECK_NOTHROW(run(0));
        expect_error([&] { run(at); },
                     {"address_kernel: block (", ",0,0), thread (3,0,0): ", part});
    };
    for (const int space : {0, 1}) {
        const int size = space == 0 ? 64 : 32;
        const std::string range = "shared memory out of range: element ";
        const std::string array = fmt::format(" of an array of {} (4 bytes each)", size);
        for (const int wide : {0, 1}) {
            check(space, wide, -1, range + "-1" + array);
            check(space, wide, size, range + std::to_string(size) + array);
        }
        check(space, 4, -4, range + "-4" + array);
        check(space, 4, size - 3, range + std::to_string(size) + array);
        check(space, 2, size - 1, range + std::to_string(size) + array);
        check(space, 4, 2, "misaligned vector access: 16 bytes at ");
        check(space, 2, 1, "misaligned vector access: 8 bytes at ");
    }
    check(2, 4, 1, "misaligned vector access: 16 bytes at ");
    check(2, 2, 3, "misaligned vector access: 8 bytes at ");
    check(1, 16, 32, "shared memory out of range");
    check(1, 16, 1, "misaligned");
}

TEST_CASE("the simulated device refuses launches beyond its limits") {
    const auto refuse = [](int architecture, Launch config, const std::string& part) {
        SimContext context(SimOptions{.architecture = architecture});
        config.kernel = "nothing_kernel";
        expect_error([&] { launch(context, config, nothing_kernel); },
                     {"nothing_kernel", "launch refused", part});
        CHECK_NOTHROW(
            launch(context, {.kernel = "nothing_kernel", .grid = 1, .block = 1}, nothing_kernel));
    };
    refuse(90, {.kernel = "", .grid = 1, .block = 1025}, "1024 threads");
    refuse(90, {.kernel = "", .grid = 1, .block = {1, 1, 65}}, "64 along z");
    refuse(90, {.kernel = "", .grid = {1, 65536}, .block = 1}, "blocks");
    refuse(90, {.kernel = "", .grid = 0, .block = 1}, "an extent is zero");
    refuse(90, {.kernel = "", .grid = 1, .block = {2, 0, 1}}, "an extent is zero");
    refuse(90, {.kernel = "", .grid = 1, .block = 1, .shared = (227 << 10) + 1}, "232448 bytes");
    refuse(80, {.kernel = "", .grid = 1, .block = 1, .shared = (163 << 10) + 1}, "166912 bytes");
    refuse(90, {.kernel = "", .grid = 32, .block = 1, .cluster = 32}, "16 blocks");
    refuse(90, {.kernel = "", .grid = 6, .block = 1, .cluster = 4}, "divide the grid's x");
    refuse(90, {.kernel = "", .grid = 1, .block = 1, .cluster = 0}, "cluster");
    refuse(80, {.kernel = "", .grid = 2, .block = 1, .cluster = 2}, "a cluster may have 1 blocks");
}

TEST_CASE("the simulated device counts static beside dynamic shared memory") {
    SimContext context;
    int y = 0;
    const auto run = [&](size_t dynamic) {
        launch(context, {.kernel = "large_static_kernel", .grid = 1, .block = 1, .shared = dynamic},
               large_static_kernel, &y);
    };
    CHECK_NOTHROW(run(0));
    CHECK_NOTHROW(run((227 - 48) << 10));
    CHECK(y == 3);
    expect_error([&] { run(((227 - 48) << 10) + 1); },
                 {"large_static_kernel", "thread (0,0,0)", "49152 bytes of static", "183312"});
    CHECK_NOTHROW(run(0));
}

TEST_CASE("a pointer that is not aligned to its type is refused in front of the launch") {
    SimContext sim;
    alignas(16) std::byte bytes[64] = {};
    const auto run = [&](size_t offset) {
        launch(sim, {.kernel = "address_kernel", .grid = 1, .block = 32, .shared = 256},
               address_kernel, 1, 1, 0, reinterpret_cast<float*>(bytes + offset));
    };
    run(4);
    expect_error([&] { run(2); },
                 {"address_kernel", "argument 4", "multiples of 4 bytes", "launch refused"});
}
