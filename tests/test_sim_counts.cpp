#include "kernels/common/device.cuh"
#include "tests/support.h"

// What the simulated device counts, against numbers worked out by hand: 32-byte sectors of global
// memory, conflicts of the 32 banks of shared memory.

namespace sg {

namespace {

template <class T>
__global__ void copy_kernel(int64_t count, int64_t stride, Global<const T> x, Global<T> y) {
    const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < count) y[i * stride] = T(x[i * stride]);
}

template <int N, class T>
__global__ void vector_copy_kernel(Global<const T> x, Global<T> y) {
    const int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * N;
    store(y + i, load<N>(x + i));
}

/// Lane t writes word t * stride and reads word t * read_stride of shared memory.
template <int N>
__global__ void bank_kernel(int stride, int read_stride, Global<float> y) {
    const Shared<float> x = dynamic_shared<float>();
    const int t = int(threadIdx.x);
    store(x + t * stride, Vec<float, N>{});
    __syncthreads();
    y[t] = load<N>(x + t * read_stride)[0];
}

__global__ void half_kernel(Global<bf16> y) {
    __shared__ SharedArray<bf16, 128> x;
    const int t = int(threadIdx.x);
    x[t] = bf16(1.0f);
    __syncthreads();
    y[t] = bf16(x[(t * 2) % 128]);
}

__global__ void event_kernel(Global<int> y) {
    __shared__ SharedArray<int, 4> x;
    const int t = int(threadIdx.x);
    if (t < 4) x[t] = 0;
    __syncthreads();
    atomicAdd(x + t % 4, 1);
    if (__syncthreads_or(t == 0)) cluster_sync();
    if (t < 16) __syncwarp(0xFFFFu);
    const int sum = __shfl_xor_sync(0xFFFFFFFFu, t, 1) + int(__ballot_sync(0xFFFFFFFFu, 1));
    for (int i = 0; i < t % 32; ++i) atomicMax(y, sum);
}

__global__ void async_kernel(Global<const float> x, Global<float> y) {
    const Shared<float> there = dynamic_shared<float>();
    const int t = int(threadIdx.x);
    copy_async<16>(there + 4 * t, x + 4 * t);
    copy_async_commit();
    copy_async_wait<0>();
    y[t] = there[4 * t];
}

}  // namespace

}  // namespace sg

using namespace sg;
using namespace sg::testing;

namespace {

constexpr int64_t kBlock = 64;

/// Memory that starts at a multiple of 128 bytes, as the GPU's allocations do.
template <class T>
struct Buffer {
    explicit Buffer(int64_t count) : memory(size_t(count) + 128 / sizeof(T)) {}
    T* data() {
        const size_t past = reinterpret_cast<uintptr_t>(memory.data()) % 128;
        return memory.data() + (128 - past) % 128 / sizeof(T);
    }
    std::vector<T> memory;
};

template <class... Parameters, class... Arguments>
LaunchCounts counts_of(Launch config, void (*kernel)(Parameters...),
                       const Arguments&... arguments) {
    SimContext context(SimOptions{.threads = 2, .count = true});
    config.kernel = "counted_kernel";
    launch(context, config, kernel, arguments...);
    REQUIRE(context.launches.size() == 1);
    CHECK(context.launches[0].kernel == "counted_kernel");
    CHECK(context.launches[0].grid == config.grid);
    CHECK(context.launches[0].block == config.block);
    return context.launches[0];
}

template <class T>
LaunchCounts copy_counts(int64_t count, int64_t stride) {
    Buffer<T> x(count * stride), y(count * stride);
    const auto grid = unsigned((count + kBlock - 1) / kBlock);
    return counts_of({.kernel = "", .grid = grid, .block = unsigned(kBlock)}, copy_kernel<T>, count,
                     stride, x.data(), y.data());
}

template <int N, class T>
void check_vector_copy(int64_t count) {
    Buffer<T> x(count), y(count);
    const auto c =
        counts_of({.kernel = "", .grid = unsigned(count / N / kBlock), .block = unsigned(kBlock)},
                  vector_copy_kernel<N, T>, x.data(), y.data());
    for (const AccessCounts& access : {c.global_loads, c.global_stores}) {
        CHECK(access.instructions == count / N / 32);
        CHECK(access.bytes == count * int64_t(sizeof(T)));
        CHECK(access.sectors == count * int64_t(sizeof(T)) / 32);
        CHECK(access.efficiency() == 1);
    }
}

/// Wavefronts and conflicts of one warp's store and load.
struct Banks {
    int64_t store, store_conflicts, load, load_conflicts;
};

template <int N>
void check_banks(int stride, int read_stride, const Banks& want) {
    Buffer<float> y(32);
    const auto c = counts_of({.kernel = "", .grid = 3, .block = 32, .shared = 32 * 33 * 4},
                             bank_kernel<N>, stride, read_stride, y.data());
    INFO("vectors of " << N << ", strides " << stride << ", " << read_stride);
    CHECK(c.shared_stores.instructions == 3);
    CHECK(c.shared_loads.instructions == 3);
    CHECK(c.shared_stores.bytes == 3 * 32 * 4 * N);
    CHECK(c.shared_stores.wavefronts == 3 * want.store);
    CHECK(c.shared_stores.conflicts == 3 * want.store_conflicts);
    CHECK(c.shared_loads.wavefronts == 3 * want.load);
    CHECK(c.shared_loads.conflicts == 3 * want.load_conflicts);
    CHECK(c.barriers == 3);
    CHECK(c.shared_bytes == 32 * 33 * 4);
}

}  // namespace

TEST_CASE("coalesced accesses move only what they use") {
    const auto c = copy_counts<float>(1024, 1);
    for (const AccessCounts& access : {c.global_loads, c.global_stores}) {
        CHECK(access.instructions == 1024 / 32);
        CHECK(access.bytes == 1024 * 4);
        CHECK(access.sectors == 1024 / 8);
        CHECK(access.efficiency() == 1);
        CHECK(access.wavefronts == 0);
    }
    CHECK(c.divergent == 0);
    CHECK(c.shared_loads.instructions + c.shared_stores.instructions == 0);
    CHECK(c.atomics + c.barriers + c.collectives == 0);
    CHECK(copy_counts<bf16>(1024, 1).global_loads.sectors == 1024 / 16);
    check_vector_copy<4, float>(2048);
    check_vector_copy<2, float>(2048);
    check_vector_copy<8, bf16>(2048);
    check_vector_copy<2, bf16>(2048);
}

TEST_CASE("strided and misplaced accesses cost more sectors") {
    const auto two = copy_counts<float>(1024, 2), far = copy_counts<float>(1024, 32);
    CHECK(two.global_loads.sectors == 1024 / 4);
    CHECK(two.global_loads.efficiency() == 0.5);
    CHECK(far.global_stores.sectors == 1024);
    CHECK(far.global_stores.efficiency() == 0.125);
    CHECK(far.global_stores.instructions == 1024 / 32);
    // One element past a sector's start, a warp touches five sectors, not four.
    Buffer<float> x(1025), y(1025);
    const auto c = counts_of({.kernel = "", .grid = 16, .block = 64}, copy_kernel<float>, 1024, 1,
                             x.data() + 1, y.data());
    CHECK(c.global_loads.sectors == 1024 / 32 * 5);
    CHECK(c.global_stores.sectors == 1024 / 32 * 4);
}

TEST_CASE("a part of a warp is counted as divergent") {
    const auto c = copy_counts<float>(1000, 1);  // 31 warps and 8 lanes
    CHECK(c.global_loads.instructions == 32);
    CHECK(c.global_loads.bytes == 4000);
    CHECK(c.global_loads.sectors == 125);
    CHECK(c.divergent == 2);
    Buffer<float> x(128), y(128);
    const auto whole = counts_of({.kernel = "", .grid = 2, .block = 40}, copy_kernel<float>, 80, 1,
                                 x.data(), y.data());
    CHECK(whole.global_loads.instructions == 4);  // a block's last warp has 8 lanes: all take part
    CHECK(whole.divergent == 0);
}

TEST_CASE("bank conflicts of shared memory are counted") {
    check_banks<1>(1, 2, {1, 0, 2, 1});
    check_banks<1>(32, 4, {32, 31, 4, 3});
    check_banks<1>(33, 0, {1, 0, 1, 0});  // padded; then all lanes read one word
    check_banks<1>(3, 31, {1, 0, 1, 0});  // odd strides meet no bank twice
    check_banks<1>(24, 16, {8, 7, 16, 15});
    check_banks<2>(2, 4, {2, 0, 4, 2});  // half a warp at a time
    check_banks<2>(32, 0, {32, 30, 2, 0});
    check_banks<4>(4, 8, {4, 0, 8, 4});  // a quarter at a time
    check_banks<4>(32, 0, {32, 28, 4, 0});
}

TEST_CASE("two values of two bytes share a bank") {
    Buffer<bf16> y(128);
    const auto c = counts_of({.kernel = "", .grid = 1, .block = 128}, half_kernel, y.data());
    CHECK(c.shared_stores.wavefronts == 4);
    CHECK(c.shared_stores.conflicts == 0);
    CHECK(c.shared_loads.wavefronts == 4);
    CHECK(c.shared_loads.conflicts == 0);
    CHECK(c.shared_bytes == 256);
}

TEST_CASE("barriers, collectives and atomics are counted") {
    int y = 0;
    const auto c =
        counts_of({.kernel = "", .grid = {4, 2}, .block = 64, .cluster = 2}, event_kernel, &y);
    CHECK(c.barriers == 8 * 3);           // of the block twice, of the cluster once
    CHECK(c.collectives == 8 * (1 + 4));  // a part of one warp; two of each of two warps
    CHECK(c.atomics == 8 * (64 + 2 * 31 * 32 / 2));
    CHECK(c.divergent == 8);
}

TEST_CASE("a copy in the background is a load and a store") {
    Buffer<float> x(256), y(64);
    const auto c = counts_of({.kernel = "", .grid = 1, .block = 64, .shared = 1024}, async_kernel,
                             x.data(), y.data());
    CHECK(c.global_loads.instructions == 2);
    CHECK(c.global_loads.bytes == 1024);
    CHECK(c.global_loads.sectors == 32);
    CHECK(c.shared_stores.instructions == 2);
    CHECK(c.shared_stores.bytes == 1024);
    CHECK(c.shared_stores.conflicts == 0);
    CHECK(c.shared_loads.conflicts == 2 * 3);  // stride 4
}
