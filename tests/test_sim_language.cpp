#include <random>

#include "kernels/common/device.cuh"
#include "tests/support.h"

// CUDA C++ on the simulated device: indices, shared memory, barriers, atomics, intrinsics.

namespace sg {

namespace {

struct Seen {
    unsigned block[3], thread[3];
    bool extents;
    bool operator==(const Seen&) const = default;
};

__global__ void index_kernel(Extent3 grid, Extent3 block, Global<int> visits, Global<Seen> y) {
    const size_t b = (size_t(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const auto i = int64_t(b * block.count() + t);
    atomicAdd(visits + i, 1);
    y[i] = Seen{{blockIdx.x, blockIdx.y, blockIdx.z},
                {threadIdx.x, threadIdx.y, threadIdx.z},
                gridDim.x == grid.x && gridDim.y == grid.y && gridDim.z == grid.z &&
                    blockDim.x == block.x && blockDim.y == block.y && blockDim.z == block.z};
}

/// Turns each block's values around twice: through static, then through dynamic shared memory.
__global__ void turn_kernel(Global<const float> x, Global<float> y) {
    __shared__ SharedArray<float, 96> fixed;
    __shared__ SharedArray<double, 3> other;
    const Shared<float> sized = dynamic_shared<float>();
    const Shared<int> tail = dynamic_shared<int>(blockDim.x * sizeof(float));
    const int t = int(threadIdx.x), last = int(blockDim.x) - 1;
    const int64_t first = int64_t(blockIdx.x) * blockDim.x;
    fixed[t] = x[first + t];
    if (t == 0) other[2] = 0.5;
    if (t == last) tail[0] = t;
    __syncthreads();
    sized[t] = fixed[last - t];
    __syncthreads();
    y[first + t] = sized[last - t] + float(other[2]) + float(tail[0]);
}

__global__ void predicate_kernel(Global<const int> x, Global<int> y) {
    const int t = int(threadIdx.x);
    const int64_t i = int64_t(blockIdx.x) * blockDim.x + t;
    const int count = __syncthreads_count(x[i]);
    const int any = __syncthreads_or(x[i]);
    const int all = __syncthreads_and(x[i]);
    y[i] = count * 4 + any * 2 + all;
}

__global__ void atomic_kernel(Global<int> counters, Global<float> sum, Global<unsigned> chain) {
    __shared__ SharedArray<int, 1> local;
    const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (threadIdx.x == 0) local[0] = 0;
    __syncthreads();
    const int mine = atomicAdd(local + 0, 1);
    atomicAdd(counters + 0, 1);
    atomicMax(counters + 1, i * 7 % 1009);
    atomicMin(counters + 2, -(i * 5 % 999));
    atomicAdd(counters + 3, mine);
    atomicAdd(sum, 0.5f);
    unsigned seen = chain[0], assumed;
    do {
        assumed = seen;
        seen = atomicCAS(chain, assumed, assumed * 3 % 65521);
    } while (seen != assumed);
    __syncthreads();
    if (threadIdx.x == 0) counters[4 + blockIdx.x] = atomicExch(local + 0, -1);
}

struct Bits {
    int popc, clz, ffs;
    unsigned brev, umulhi;
};

__global__ void bits_kernel(Global<const unsigned> a, Global<const unsigned> b, Global<Bits> y) {
    const int i = int(threadIdx.x);
    const unsigned u = __ldg(a + i);
    y[i] = {__popc(u), __clz(int(u)), __ffs(int(u)), __brev(u), __umulhi(u, b[i])};
}

/// x + 1 by vectors of N, through shared memory.
template <int N, class T>
__global__ void vector_kernel(Global<const T> x, Global<T> y) {
    __shared__ SharedArray<T, 256> turned;
    const int t = int(threadIdx.x);
    store(turned + t * N, load<N>(x + t * N));
    __syncthreads();
    Vec<T, N> values = load<N>(turned + t * N);
    for (int k = 0; k < N; ++k) values[k] = T(float(values[k]) + 1.0f);
    store(y + t * N, values);
}

/// Sums whose order of additions is fixed within a block.
__global__ void sums_kernel(Global<const float> x, Global<float> y) {
    const Shared<float> partial = dynamic_shared<float>();
    const unsigned t = threadIdx.x;
    partial[t] = x[blockIdx.x * blockDim.x + t];
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) partial[t] += partial[t + half];
    }
    if (t == 0) y[blockIdx.x] = *partial;
}

}  // namespace

}  // namespace sg

using namespace sg;
using namespace sg::testing;

TEST_CASE("every index of a simulated grid appears once") {
    SimContext context;
    for (const auto& [grid, block] : std::vector<std::pair<Extent3, Extent3>>{
             {1, 1}, {7, 33}, {{3, 4, 5}, {2, 3, 7}}, {{1, 1, 6}, {1, 9, 1}}, {2, {8, 2, 64}}}) {
        const size_t n = grid.count() * block.count();
        std::vector<int> visits(n);
        std::vector<Seen> y(n);
        launch(context, {.kernel = "index_kernel", .grid = grid, .block = block}, index_kernel,
               grid, block, visits.data(), y.data());
        size_t i = 0;
        for (unsigned bz = 0; bz < grid.z; ++bz)
            for (unsigned by = 0; by < grid.y; ++by)
                for (unsigned bx = 0; bx < grid.x; ++bx)
                    for (unsigned tz = 0; tz < block.z; ++tz)
                        for (unsigned ty = 0; ty < block.y; ++ty)
                            for (unsigned tx = 0; tx < block.x; ++tx, ++i)
                                REQUIRE((visits[i] == 1 &&
                                         y[i] == Seen{{bx, by, bz}, {tx, ty, tz}, true}));
    }
}

TEST_CASE("static and dynamic shared memory of the simulated device lie side by side") {
    SimContext context;
    for (const unsigned block : {1u, 31u, 96u, 64u}) {
        const unsigned grid = 5;
        const auto x = to<float>(uniform(grid * block, 1));
        std::vector<float> y(x.size());
        launch(context,
               {.kernel = "turn_kernel",
                .grid = grid,
                .block = block,
                .shared = block * sizeof(float) + sizeof(int)},
               turn_kernel, x.data(), y.data());
        for (size_t i = 0; i < x.size(); ++i) CHECK(y[i] == x[i] + 0.5f + float(block - 1));
    }
}

TEST_CASE("barriers of the simulated device count predicates") {
    SimContext context;
    const int block = 70;
    std::vector<int> x(4 * block, 0), y(x.size(), -1);
    x[block + 69] = -8;                                         // one of block 1
    for (int i = 0; i < block; ++i) x[2 * block + i] = i + 1;   // all of block 2
    for (int i = 1; i < block; ++i) x[3 * block + i] = 1 << 8;  // all but one of block 3
    launch(context, {.kernel = "predicate_kernel", .grid = 4, .block = block}, predicate_kernel,
           x.data(), y.data());
    const int want[] = {0, 4 + 2, 4 * 70 + 2 + 1, 4 * 69 + 2};
    for (int i = 0; i < 4 * block; ++i) CHECK(y[i] == want[i / block]);
}

TEST_CASE("atomics of the simulated device lose nothing between blocks") {
    for (const int threads : {1, 2, 5}) {
        SimContext context(SimOptions{.threads = threads});
        const int grid = 60, block = 50, n = grid * block;
        std::vector<int> counters(4 + grid, 0);
        float sum = 0;
        unsigned chain = 1, want = 1;
        launch(context, {.kernel = "atomic_kernel", .grid = grid, .block = block}, atomic_kernel,
               counters.data(), &sum, &chain);
        for (int i = 0; i < n; ++i) want = want * 3 % 65521;
        CHECK(counters[0] == n);
        CHECK(counters[1] == 1008);
        CHECK(counters[2] == -998);
        CHECK(counters[3] == grid * block * (block - 1) / 2);
        CHECK(std::count(counters.begin() + 4, counters.end(), block) == grid);
        CHECK(sum == 0.5f * float(n));
        CHECK(chain == want);
    }
}

TEST_CASE("bit intrinsics of the simulated device equal loops") {
    std::vector<unsigned> a = {0, 1, 2, 3, 0x80000000u, 0xFFFFFFFFu, 0x7FFFFFFFu, 0x00010000u};
    std::mt19937 random(2);
    while (a.size() < 256) a.push_back(unsigned(random()) >> random() % 32);
    const std::vector<unsigned> b(a.rbegin(), a.rend());
    std::vector<Bits> y(a.size());
    SimContext context;
    launch(context, {.kernel = "bits_kernel", .grid = 1, .block = unsigned(a.size())}, bits_kernel,
           a.data(), b.data(), y.data());
    for (size_t i = 0; i < a.size(); ++i) {
        int count = 0, lowest = 0, leading = 32;
        unsigned reversed = 0;
        for (int bit = 31; bit >= 0; --bit) {
            if (!(a[i] & 1u << bit)) continue;
            ++count, lowest = bit + 1, leading = std::min(leading, 31 - bit);
            reversed |= 1u << (31 - bit);
        }
        CHECK(y[i].popc == count);
        CHECK(y[i].ffs == lowest);
        CHECK(y[i].clz == leading);
        CHECK(y[i].brev == reversed);
        CHECK(y[i].umulhi == unsigned((uint64_t(a[i]) * b[i]) >> 32));
    }
}

TEMPLATE_TEST_CASE("vectors go through the simulated device's memories", "", float, bf16) {
    SimContext context;
    const auto check = [&]<int N>(std::integral_constant<int, N>) {
        const unsigned threads = 256 / N;
        alignas(16) TestType x[256], y[256];
        for (int i = 0; i < 256; ++i) x[i] = TestType(float(i) / 2), y[i] = TestType(0.0f);
        launch(context, {.kernel = "vector_kernel", .grid = 1, .block = threads},
               vector_kernel<N, TestType>, &x[0], &y[0]);
        for (int i = 0; i < 256; ++i) CHECK(float(y[i]) == float(TestType(float(x[i]) + 1)));
    };
    check(std::integral_constant<int, 1>{});
    check(std::integral_constant<int, 2>{});
    check(std::integral_constant<int, vec_width<TestType>>{});
}

TEST_CASE("the processor's threads do not change what the simulated device computes") {
    const auto x = to<float>(uniform(64 * 128, 4));
    std::vector<float> one;
    for (const int threads : {1, 2, 5}) {
        SimContext context(SimOptions{.threads = threads});
        for (const unsigned block : {128u, 32u, 1u, 64u}) {  // one context, several sizes
            std::vector<float> y(x.size() / block);
            launch(context,
                   {.kernel = "sums_kernel",
                    .grid = unsigned(y.size()),
                    .block = block,
                    .shared = block * sizeof(float)},
                   sums_kernel, x.data(), y.data());
            double sum = 0, want = 0;
            for (const float v : y) sum += v;
            for (const float v : x) want += v;
            CHECK(sum == Approx(want).margin(1e-3));
            if (threads == 1) one.insert(one.end(), y.begin(), y.end());
            if (threads == 1) continue;
            CHECK(std::search(one.begin(), one.end(), y.begin(), y.end()) != one.end());
        }
    }
}
