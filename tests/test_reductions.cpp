#include "kernels/common/block_reduce.cuh"
#include "kernels/reduce/reduce.h"
#include "tests/devices.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Kernel { rows, channels };

template <class T, class Device>
std::vector<double> sums(Device& device, Kernel kernel, int64_t rows, int64_t columns,
                         const std::vector<T>& values) {
    using A = acc_t<T>;
    const auto x = device.input(values);
    auto y = device.template output<A>(kernel == Kernel::rows ? rows : columns);
    auto workspace = device.template output<A>(sum_workspace(rows, columns));
    const SumArgs<T> args{rows, columns, x, y, workspace};
    if (kernel == Kernel::rows)
        sum_rows(device.context, args);
    else
        sum_channels(device.context, args);
    workspace.get();  // checks what lies around it
    return y.get();
}

template <class T, class Device>
std::vector<double> check_sums(Device& device, Kernel kernel, int64_t rows, int64_t columns) {
    INFO(rows << " rows, " << columns << " columns");
    const auto x = to<T>(uniform(rows * columns, 1, -0.5, 1));
    std::vector<double> want(kernel == Kernel::rows ? rows : columns);
    for (int64_t i = 0; i < rows * columns; ++i)
        want[kernel == Kernel::rows ? i / columns : i % columns] += double(acc_t<T>(x[i]));
    const auto got = sums(device, kernel, rows, columns, x);
    CHECK(max_error(got, want) < 100 * half_ulp<acc_t<T>>);
    if (rows < 1000) CHECK(sums(device, kernel, rows, columns, x) == got);
    return got;
}

template <class T, class Device>
int64_t first(Device& device, const std::vector<T>& values) {
    const auto x = device.input(values);
    auto index = device.template output<int64_t>(1);
    first_non_finite(device.context, NonFiniteArgs<T>{int64_t(values.size()), x, index});
    index.get();  // checks what lies around it
    return index.values()[0];
}

template <class T, class Device>
void check_first(Device& device) {
    const int64_t count = 2 * chunk_elements + 11;
    auto values = uniform(count, 1);
    CHECK(first(device, to<T>(values)) == -1);
    values[0] = 1e38;
    values[1] = -1e38;
    CHECK(first(device, to<T>(values)) == -1);  // large, but finite
    for (int64_t at : {count - 1, count - 12, chunk_elements, int64_t{3}, int64_t{0}}) {
        values[at] = at % 2 ? std::nan("") : at ? kInfinity : -kInfinity;
        CHECK(first(device, to<T>(values)) == at);
    }
    for (int64_t size : {1, 31, 32, 33}) {
        auto few = uniform(size, 2);
        CHECK(first(device, to<T>(few)) == -1);
        few.back() = kInfinity;
        CHECK(first(device, to<T>(few)) == size - 1);
        CHECK(first(device, std::vector<T>(size, T(std::nanf("")))) == 0);
    }
    CHECK(first(device, std::vector<T>()) == -1);
}

/// Three calls in a row, two of them with the same partial sums; every thread writes what it got.
__global__ void block_sums_kernel(Global<const float> x, Global<float> y) {
    const int t = int(threadIdx.x), threads = int(blockDim.x);
    const float first = block_sum(x[t]);
    const float second = block_sum(first - x[t]);
    const Vec<float, 2> both = block_sum(Vec<float, 2>{{second, x[t] * x[t]}});
    y[t] = first;
    y[threads + t] = both[0];
    y[2 * threads + t] = both[1];
}

using Extents = std::vector<std::pair<int64_t, int64_t>>;
/// One piece and several, and rows that fill a vector and rows that do not.
const Extents kRows = {{1, 1}, {1, 31}, {3, 32}, {7, 33}, {2, 3 * chunk_elements + 8}, {1, 9001}};
/// One column tile and several, too.
const Extents kChannels = {{1, 1},   {31, 1},    {1, 33},   {32, 31}, {33, 40},
                           {513, 5}, {16500, 8}, {2000, 9}, {70, 536}};

/// body(kernel, rows, columns) for all of these.
template <class Body>
void for_each_sum(const Body& body) {
    for (const auto& [rows, columns] : kRows) body(Kernel::rows, rows, columns);
    for (const auto& [rows, columns] : kChannels) body(Kernel::channels, rows, columns);
}

}  // namespace

TEST_CASE("sums over rows and channels", "[reduce]") {
    for_each_device([](auto& device) {
        for_each_type([&]<class T>(T) {
            for_each_sum([&](Kernel kernel, int64_t rows, int64_t columns) {
                check_sums<T>(device, kernel, rows, columns);
            });
        });
    });
    HostDevice<SimContext> sim{SimContext(), "sim", true};
    check_sums<bf16>(sim, Kernel::rows, 8 * 132 + 3, 9);  // more pieces than blocks
}

TEST_CASE("the CPU's sums have the same bits on any number of threads", "[reduce]") {
    const auto check = []<class T>(T) {
        for_each_sum([](Kernel kernel, int64_t rows, int64_t columns) {
            HostDevice<CpuContext> one{CpuContext(1), "one thread", true};
            const auto want = check_sums<T>(one, kernel, rows, columns);
            for (int threads : {2, 3, 5}) {
                HostDevice<CpuContext> several{CpuContext(threads), "several threads", false};
                CHECK(check_sums<T>(several, kernel, rows, columns) == want);
            }
        });
    };
    check(float{});
    check(bf16{});
    check(double{});
}

TEST_CASE("a block's sums reach all of its threads", "[reduce]") {
    for (const int threads : {32, 96, 1024}) {
        SimContext context(SimOptions{.check_races = true});
        const auto x = to<float>(uniform(threads, 3));
        double sum = 0, squares = 0;
        for (const double v : to_double(x)) sum += v, squares += v * v;
        Output<float> y(3 * threads);
        const std::span all(y.data(), size_t(y.size()));
        check_order_independence(context, std::as_writable_bytes(all), [&] {
            launch(context, {.kernel = "block_sums_kernel", .grid = 1, .block = unsigned(threads)},
                   block_sums_kernel, x.data(), y.data());
        });
        std::vector<double> want(threads, sum);
        want.insert(want.end(), threads, threads * (threads - 1) * sum);
        want.insert(want.end(), threads, squares);
        CHECK(max_error(y.get(), want) < 1e-6);
        for (int t = 0; t < 3 * threads; ++t) CHECK(y[t] == y[t / threads * threads]);
    }
}

TEST_CASE("sums and searches do not depend on the order of threads", "[reduce]") {
    SimContext context(SimOptions{.check_races = true});
    const int64_t rows = 300, columns = 5000;
    auto x = to<float>(uniform(rows * columns / 100, 5));
    Output<float> y(columns), workspace(sum_workspace(rows, columns));
    const auto bytes = [](auto& output) {
        return std::as_writable_bytes(std::span(output.data(), size_t(output.size())));
    };
    check_order_independence(context, bytes(y), [&] {
        sum_rows(context, SumArgs<float>{3, columns, x.data(), y, workspace});
    });
    check_order_independence(context, bytes(y), [&] {
        sum_channels(context, SumArgs<float>{rows, 50, x.data(), y, workspace});
    });
    x[1234] = x[4321] = x[14999] = std::nanf("");
    Output<int64_t> index(1);
    check_order_independence(context, bytes(index), [&] {
        first_non_finite(context, NonFiniteArgs<float>{int64_t(x.size()), x.data(), index});
    });
    CHECK(index.values()[0] == 1234);
}

TEST_CASE("the first value that is not finite is found", "[reduce]") {
    for_each_device(
        [](auto& device) { for_each_type([&]<class T>(T) { check_first<T>(device); }); });
    HostDevice<CpuContext> cpu{CpuContext(3), "cpu", true};
    check_first<double>(cpu);
}
