#include "benchmarks/times.h"

#include <cmath>

#include "benchmarks/compare.h"
#include "benchmarks/roofs.h"
#include "kernels/common/philox.h"
#include "tests/support.h"

// How sg_bench measures, sums up and compares.

using namespace sg;
using namespace sg::testing;

namespace {

/// A thing to measure that goes through given values, over and over.
std::function<double()> playing(std::vector<double> values) {
    return [values, i = size_t{0}]() mutable { return values[i++ % values.size()]; };
}

}  // namespace

TEST_CASE("short things are run several times for a sample", "[times]") {
    CHECK(runs_at_once(true, 0.1) == 20);
    CHECK(runs_at_once(false, 0.1) == 5);
    CHECK(runs_at_once(true, 50) == 1);
    CHECK(runs_at_once(true, 0) == 100);
}

TEST_CASE("samples are summed up by order statistics", "[times]") {
    const Times t = summarise({5, 1, 4, 2, 3});
    CHECK(t.median == 3);
    CHECK((t.min == 1 && t.max == 5));
    CHECK(t.spread == Approx((4 - 2) / 3.0));  // of the quartiles
    CHECK(t.outliers == 0);
    CHECK(t.samples == std::vector<double>{5, 1, 4, 2, 3});  // in their order
    CHECK(summarise({1, 2}).median == 1.5);
    CHECK(summarise({7}).spread == 0);
    // Quartiles 10 and 10.2: the fences are at 9.7 and 10.5.
    const Times far = summarise({10, 10, 10, 10.1, 10.1, 10.2, 10.2, 10.2, 30, 9.69});
    CHECK(far.outliers == 2);
    CHECK(far.max == 30);
    CHECK_THROWS_AS(summarise({}), Error);
}

TEST_CASE("things are measured in turns, and again if they spread", "[times]") {
    std::string order;
    const auto noting = [&](char name, double value) {
        return [&order, name, value] {
            order += name;
            return value;
        };
    };
    const Sampled calm = sample_in_turns({noting('a', 1), noting('b', 2)},
                                         {.warmup = 1, .repeats = 3, .attempts = 5});
    CHECK(order == "abababab");  // one round to warm up, three that count, no further attempt
    CHECK(calm.attempts == 1);
    CHECK(calm.times[1].samples == std::vector<double>{2, 2, 2});

    // Rounds of four: wild, calm, wild. The second attempt is good enough.
    const std::vector<double> wild{1, 9, 2, 8}, quiet{5, 5.01, 5, 5.01};
    std::vector<double> values = wild;
    values.insert(values.end(), quiet.begin(), quiet.end());
    const Sampling plan{.warmup = 0, .repeats = 4, .attempts = 3};
    const Sampled second = sample_in_turns({playing(values)}, plan);
    CHECK(second.attempts == 2);
    CHECK(second.times[0].samples == quiet);

    // If none is, the one that spreads least counts, for all things.
    const std::vector<double> less{4, 6, 4, 6};
    values = wild;
    values.insert(values.end(), less.begin(), less.end());
    values.insert(values.end(), wild.begin(), wild.end());
    const std::vector<double> counting{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
    const Sampled least = sample_in_turns({playing(values), playing(counting)}, plan);
    CHECK(least.attempts == 3);
    CHECK(least.times[0].samples == less);
    CHECK(least.times[1].median == 2);
    CHECK_THROWS_AS(sample_in_turns({playing({1})}, {.repeats = 0}), Error);
}

TEST_CASE("the rank test tells samples apart that differ", "[times]") {
    // Against the exact distribution: U counts pairs in which a is larger; of two samples of 5 that
    // do not overlap, 2 of the 252 ways to divide ten ranks are so extreme.
    CHECK(rank_test({1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}) == Approx(2 / 252.0));
    // U = 1: of the 20 ways to divide six ranks, 123|456 has 0 and 124|356 has 1.
    CHECK(rank_test({1, 2, 4}, {3, 5, 6}) == Approx(2 * 2 / 20.0));
    CHECK(rank_test({1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}) ==
          Approx(rank_test({6, 7, 8, 9, 10}, {1, 2, 3, 4, 5})));
    CHECK(rank_test({1, 3, 5, 7}, {2, 4, 6, 8}) > 0.5);
    CHECK(rank_test({1, 1, 1}, {1, 1, 1}) == 1);
    CHECK(rank_test({}, {1}) == 1);
    // A hand-worked one with ties: ranks of a are 1, 2.5, 4.5; U = 2, mean 4.5, variance
    // 9/12 (7 - (6 + 6) / 30) = 4.95, z = (2.5 - 0.5) / 2.2249.
    CHECK(rank_test({1, 2, 3}, {2, 3, 4}) == Approx(std::erfc(2 / std::sqrt(4.95) / std::sqrt(2))));

    // Of samples of one distribution, about one in twenty looks different at p = 0.05.
    const Rng rng{.seed = 11, .purpose = RngPurpose::test};
    int different = 0;
    constexpr int trials = 2000, size = 12;
    for (int trial = 0; trial < trials; ++trial) {
        std::vector<double> a, b;
        for (int i = 0; i < size; ++i) {
            a.push_back(rng.uniform(uint64_t(trial * 2 * size + i)));
            b.push_back(rng.uniform(uint64_t(trial * 2 * size + size + i)));
        }
        different += rank_test(a, b) < 0.05;
    }
    CHECK(different > trials / 40);
    CHECK(different < trials / 13);
}

TEST_CASE("a roof is the longer of bytes and arithmetic", "[times]") {
    KernelBenchmark b;
    b.kernel = "conv_forward", b.device = "cpu";
    b.conv = {.N = 2, .H = 8, .W = 8, .C = 16, .K = 16, .R = 3, .S = 3, .stride = 1, .pad = 1};
    const KernelWork work = kernel_work(b);
    REQUIRE(work.bytes == 4 * (2 * 2 * 8 * 8 * 16 + 16 * 9 * 16));
    REQUIRE(work.flops == 2.0 * 2 * 8 * 8 * 16 * 9 * 16);
    Roofs roofs{
        .ceilings = {{.name = "copy", .what = "", .value = 1, .unit = "TB/s"},
                     {.name = "matrix product f32", .what = "", .value = 1, .unit = "TFLOP/s"}}};
    CHECK(*roofs.ceiling_ms(b) == Approx(1e3 * work.flops / 1e12).epsilon(1e-9));
    roofs.ceilings[0].value = 0.001;
    CHECK(*roofs.ceiling_ms(b) == Approx(1e3 * double(work.bytes) / 1e9).epsilon(1e-9));
    CHECK_FALSE(roofs.floor_ms(b));
    roofs.device_name = "NVIDIA H200";
    CHECK(*roofs.floor_ms(b) == Approx(1e3 * work.flops / 67e12).epsilon(1e-9));
    b.bf16 = true;
    CHECK_FALSE(roofs.ceiling_ms(b));  // no product in bf16 was measured
}
