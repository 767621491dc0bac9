#include <array>
#include <bit>

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

/// A FiniteReport where the device's kernels can use it: an output of 8-byte words.
template <class Device>
class DeviceReport {
  public:
    using Words = std::array<int64_t, 2>;
    static_assert(sizeof(FiniteReport) == sizeof(Words));

    explicit DeviceReport(Device& device) : words_(words(device)) {}
    FiniteReport* data() { return reinterpret_cast<FiniteReport*>(words_.data()); }
    FiniteReport get() const {
        words_.get();  // checks what lies around it
        Words words{};
        const auto values = words_.values();
        std::copy(values.begin(), values.end(), words.begin());
        return std::bit_cast<FiniteReport>(words);
    }

  private:
    static auto words(Device& device) {
        const auto words = std::bit_cast<Words>(FiniteReport{});
        return device.output(std::vector<int64_t>(words.begin(), words.end()));
    }
    decltype(words(std::declval<Device&>())) words_;
};

/// Whether values hold NaN or infinity, by a check of these alone.
template <class T, class Device>
bool found(Device& device, const std::vector<T>& values) {
    const auto x = device.input(values);
    DeviceReport report(device);
    find_non_finite(device.context, NonFiniteArgs<T>{int64_t(values.size()), x, 3, report.data()});
    CHECK(report.get().halted == 0);  // not before the check's end
    const int32_t tensor = report.get().tensor;
    CHECK((tensor == 3 || tensor == FiniteReport::none));
    return tensor == 3;
}

template <class T, class Device>
void check_found(Device& device) {
    const int64_t count = 2 * chunk_elements + 11;
    auto values = uniform(count, 1);
    values[0] = 1e38;
    values[1] = -1e38;
    CHECK_FALSE(found(device, to<T>(values)));  // large, but finite
    for (int64_t at : {count - 1, count - 12, chunk_elements, int64_t{3}, int64_t{0}}) {
        INFO("value " << at);
        auto bad = values;
        bad[at] = at % 2 ? std::nan("") : at ? kInfinity : -kInfinity;
        CHECK(found(device, to<T>(bad)));
    }
    for (int64_t size : {1, 31, 32, 33}) {
        auto few = uniform(size, 2);
        CHECK_FALSE(found(device, to<T>(few)));
        few.back() = kInfinity;
        CHECK(found(device, to<T>(few)));
        CHECK(found(device, std::vector<T>(size, T(std::nanf("")))));
    }
    CHECK_FALSE(found(device, std::vector<T>()));
}

/// Checks one after the other, each of four tensors of which some are bad: what the report says.
template <class Device>
FiniteReport after_checks(Device& device, const std::vector<std::vector<bool>>& checks) {
    const auto good = device.input(std::vector<float>(5, 1.0f));
    const auto bad = device.input(std::vector<float>(5, std::nanf("")));
    DeviceReport report(device);
    for (const auto& check : checks) {
        for (int32_t i = int32_t(check.size()) - 1; i >= 0; --i)  // the order does not matter
            find_non_finite(device.context,
                            NonFiniteArgs<float>{5, check[i] ? bad : good, i, report.data()});
        end_check(device.context, report.data());
    }
    return report.get();
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
    FiniteReport report;
    check_order_independence(context, std::as_writable_bytes(std::span(&report, 1)), [&] {
        find_non_finite(context, NonFiniteArgs<float>{int64_t(x.size()), x.data(), 7, &report});
        end_check(context, &report);
    });
    CHECK((report.halted == 1 && report.tensor == 7));
}

TEST_CASE("values that are not finite are found", "[reduce]") {
    for_each_device(
        [](auto& device) { for_each_type([&]<class T>(T) { check_found<T>(device); }); });
    HostDevice<CpuContext> cpu{CpuContext(3), "cpu", true};
    check_found<double>(cpu);
}

TEST_CASE("the first finding stays, with the numbers of its check and its tensor", "[reduce]") {
    const std::vector<bool> good(4, false);
    for_each_device([&](auto& device) {
        const FiniteReport none = after_checks(device, {good, good, good});
        CHECK((none.halted == 0 && none.tensor == FiniteReport::none && none.checks == 3));
        const FiniteReport one = after_checks(device, {good, good, {false, false, true, true}});
        CHECK((one.halted == 1 && one.tensor == 2 && one.checks == 2));
        const FiniteReport later =
            after_checks(device, {{false, false, false, true}, good, {true, true, true, true}});
        CHECK((later.halted == 1 && later.tensor == 3 && later.checks == 0));
    });
}
