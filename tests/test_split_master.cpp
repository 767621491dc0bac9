#include "kernels/adam/split_master.h"

#include <cmath>
#include <limits>

#include "kernels/adam/adam.h"
#include "tests/devices.h"

// f32 parameters in two halves (kernels/adam/split_master.h).

using namespace sg;
using namespace sg::testing;

namespace {

uint32_t bits_of(float value) {
    return std::bit_cast<uint32_t>(value);
}

const std::vector<int64_t> kCounts = {1, 31, 32, 33, 2 * chunk_elements + 37};

/// Numbers as parameters have them, and the ones that are hard to round.
std::vector<float> numbers(int64_t count, uint64_t seed) {
    auto values = to<float>(uniform(count, seed));
    const std::vector<uint32_t> hard = {0x3F808000u, 0x3F818000u, 0xBF808000u, 0x3F807FFFu,
                                        0x3F808001u, 0x00000001u, 0x80000000u, 0x3FFFFFFFu};
    for (size_t i = 0; i < std::min(values.size(), hard.size()); ++i)
        values[values.size() - 1 - i] = std::bit_cast<float>(hard[i]);
    return values;
}

}  // namespace

TEST_CASE("two halves are the number, and the first is it rounded", "[split_master]") {
    // Every rest beside many first halves, zeros, infinities and NaN among them.
    for (uint32_t high = 0; high < 0x10000u; high += high % 3 == 0 ? 97 : 64)
        for (uint32_t low = 0; low < 0x10000u; ++low) {
            const auto value = std::bit_cast<float>((high << 16) + low);
            const SplitF32 halves = split_f32(value);
            if (std::isnan(value)) {
                if (!std::isnan(float(halves.high)) ||
                    !std::isnan(join_f32(halves.high, halves.low)))
                    FAIL("0x" << std::hex << bits_of(value) << " becomes a number");
                continue;
            }
            if (bits_of(join_f32(halves.high, halves.low)) != bits_of(value))
                FAIL("0x" << std::hex << bits_of(value) << " comes back as another number");
            // The nearest bf16; the one away from zero where there are two.
            const bool up = low >= 0x8000u;
            if (halves.high.bits != uint16_t(high + up))
                FAIL("0x" << std::hex << bits_of(value) << " rounds to 0x" << halves.high.bits);
        }
    CHECK(float(split_f32(1.0f).high) == 1.0f);
    CHECK(split_f32(-2.5f).low == 0);
    CHECK(std::isinf(float(split_f32(std::numeric_limits<float>::infinity()).high)));
}

TEST_CASE("parameters are split and joined", "[split_master]") {
    for_each_device([](auto& device) {
        for (const int64_t count : kCounts) {
            INFO(count << " parameters");
            const auto values = numbers(count, 3);
            auto high = device.template output<bf16>(count);
            auto low = device.template output<int16_t>(count);
            auto joined = device.template output<float>(count);
            const auto in = device.input(values);
            split_master(device.context,
                         SplitArgs{.count = count, .values = in, .high = high, .low = low});
            join_master(device.context,
                        JoinArgs{.count = count, .high = high, .low = low, .values = joined});
            CHECK(joined.get() == to_double(values));
            std::vector<double> want_high, want_low;
            for (const float value : values) {
                const SplitF32 halves = split_f32(value);
                want_high.push_back(float(halves.high));
                want_low.push_back(halves.low);
            }
            CHECK(high.get() == want_high);
            CHECK(low.get() == want_low);
        }
    });
}

TEST_CASE("Adam on two halves is Adam on the whole, bit by bit", "[split_master]") {
    for_each_device([](auto& device) {
        for (const int64_t count : kCounts) {
            INFO(count << " parameters");
            const auto start = numbers(count, 5);
            auto p = device.output(start), m = device.output(std::vector<float>(size_t(count)));
            auto v = device.output(std::vector<float>(size_t(count)));
            auto m_split = device.output(std::vector<float>(size_t(count)));
            auto v_split = device.output(std::vector<float>(size_t(count)));
            std::vector<bf16> high;
            std::vector<int16_t> low;
            for (const float value : start) {
                high.push_back(split_f32(value).high);
                low.push_back(split_f32(value).low);
            }
            auto p_high = device.output(high);
            auto p_low = device.output(low);
            const auto halt = device.input(std::vector<int32_t>{1});
            for (int t = 1; t <= 4; ++t) {
                const AdamSchedule now = adam_schedule(t, 1e-3, 0.5, 0.999);
                const auto words = std::bit_cast<std::array<int64_t, 4>>(now);
                const auto schedule =
                    device.input(std::vector<int64_t>(words.begin(), words.end()));
                const auto g = device.input(to<float>(uniform(count, 40 + uint64_t(t))));
                AdamArgs<float> args{
                    .count = count,
                    .p = p,
                    .m = m,
                    .v = v,
                    .g = g,
                    .schedule = reinterpret_cast<const AdamSchedule*>(schedule.data()),
                    .beta1 = 0.5,
                    .beta2 = 0.999,
                    .eps = 1e-8};
                adam_update(device.context, args);
                args.p = nullptr, args.m = m_split, args.v = v_split;
                args.high = p_high, args.low = p_low;
                adam_update(device.context, args);
                args.halted = halt;
                adam_update(device.context, args);  // changes nothing
                CHECK(m_split.get() == m.get());    // and waits before g goes
                CHECK(v_split.get() == v.get());
            }
            std::vector<double> joined;
            const auto got_high = p_high.get(), got_low = p_low.get();
            for (size_t i = 0; i < got_high.size(); ++i)
                joined.push_back(join_f32(bf16(float(got_high[i])), int16_t(got_low[i])));
            CHECK(joined == p.get());
            CHECK(joined != to_double(start));
        }
    });
}
