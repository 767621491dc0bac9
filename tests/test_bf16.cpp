#include "kernels/pointwise/pointwise.h"
#include "kernels/sim/intrinsics.h"
#include "tests/support.h"

using namespace sg;
using namespace sg::testing;

namespace {

float from_bits(uint32_t bits) {
    return std::bit_cast<float>(bits);
}

/// Rounding by search: the nearer of the two bf16 neighbours, the even one in a tie.
uint16_t nearest(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint16_t low = uint16_t(bits >> 16);
    const uint16_t high = uint16_t(low + 1);  // away from zero; may be infinity
    // Infinity stands for 2^128, the next power of two, when distances are compared.
    const auto exact = [](uint16_t b) {
        return (b & 0x7FFF) == 0x7F80 ? std::copysign(0x1p128, b & 0x8000 ? -1.0 : 1.0)
                                      : double(from_bits(uint32_t(b) << 16));
    };
    const double below = std::abs(double(value) - exact(low));
    const double above = std::abs(double(value) - exact(high));
    return below < above || (below == above && low % 2 == 0) ? low : high;
}

}  // namespace

TEST_CASE("bf16 rounds to nearest, ties to even", "[bf16]") {
    CHECK(float(bf16(1.0f)) == 1.0f);
    CHECK(float(bf16(1.0f + 0x1p-8f)) == 1.0f);                // tie, 1.0 is even
    CHECK(float(bf16(1.0f + 3 * 0x1p-8f)) == 1.0f + 0x1p-6f);  // tie, goes up to even
    CHECK(float(bf16(1.0f + 0x1.02p-8f)) == 1.0f + 0x1p-7f);
    CHECK(float(bf16(-1.0f - 0x1p-8f)) == -1.0f);
    CHECK(bf16(-0.0f).bits == 0x8000);
    CHECK(bf16(std::numeric_limits<float>::max()).bits == 0x7F80);  // past the largest bf16
    CHECK(bf16(from_bits(0x7F7F7FFF)).bits == 0x7F7F);
    CHECK(bf16(from_bits(0x00000001)).bits == 0);  // subnormals are numbers like others
    CHECK(bf16(from_bits(0x00018000)).bits == 2);
    CHECK(bf16(from_bits(0x00008000)).bits == 0);
    CHECK(bf16(from_bits(0x80408000)).bits == 0x8040);
}

TEST_CASE("bf16 keeps infinities and NaN", "[bf16]") {
    CHECK(bf16(from_bits(0x7F800000)).bits == 0x7F80);
    CHECK(bf16(from_bits(0xFF800000)).bits == 0xFF80);
    for (uint32_t nan : {0x7FC00000u, 0x7F800001u, 0x7FFFFFFFu, 0xFF800001u, 0xFFFFFFFFu}) {
        CHECK(std::isnan(float(bf16(from_bits(nan)))));
        CHECK((bf16(from_bits(nan)).bits >> 15) == (nan >> 31));
    }
}

TEST_CASE("bf16 rounds any f32 to its nearest neighbour", "[bf16]") {
    const Rng rng{.seed = 1};
    int wrong = 0;
    for (uint64_t i = 0; i < 200000; ++i) {
        uint32_t bits = rng.bits(i);
        if (i % 4 == 1) bits &= 0xFFFF8000u;  // ties and exact values
        if (i % 4 == 2) bits &= 0x80FFFFFFu;  // small and subnormal
        if (i % 4 == 3) bits |= 0x7F000000u;  // large
        const float value = from_bits(bits);
        if (!std::isfinite(value)) continue;
        wrong += bf16(value).bits != nearest(value);
    }
    CHECK(wrong == 0);
}

TEST_CASE("every bf16 survives the way through f32", "[bf16]") {
    int wrong = 0;
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
        bf16 value;
        value.bits = uint16_t(bits);
        const float wide = value;
        if (std::isnan(wide)) continue;
        wrong += std::bit_cast<uint32_t>(wide) != bits << 16 || bf16(wide).bits != bits;
    }
    CHECK(wrong == 0);
}

TEST_CASE("the cast kernel converts as the types do", "[bf16]") {
    CpuContext context(2);
    const int64_t count = chunk_elements + 7;
    const auto values = uniform(count, 1, -100, 100);
    const auto f32 = to<float>(values);
    Output<bf16> half(count);
    cast(context, CastArgs<float, bf16>{count, f32.data(), half});
    CHECK(half.get() == rounded<bf16>(to_double(f32)));
    Output<float> back(count), single(count);
    cast(context, CastArgs<bf16, float>{count, half.data(), back});
    CHECK(back.get() == half.get());
    cast(context, CastArgs<double, float>{count, values.data(), single});
    CHECK(single.get() == to_double(f32));
    Output<double> wide(count), from_half(count);
    cast(context, CastArgs<float, double>{count, f32.data(), wide});
    CHECK(wide.get() == to_double(f32));
    cast(context, CastArgs<bf16, double>{count, half.data(), from_half});
    CHECK(from_half.get() == half.get());
    Output<bf16> narrow(count);
    cast(context, CastArgs<double, bf16>{count, values.data(), narrow});
    CHECK(max_error(narrow.get(), values) <= half_ulp<bf16>);
}

TEST_CASE("CUDA's bf16 arithmetic on the host rounds each result", "[bf16]") {
    using namespace sg::sim;
    const auto a = to<bf16>(uniform(500, 1, -4, 4)), b = to<bf16>(uniform(500, 2, -4, 4));
    const auto c = to<bf16>(uniform(500, 3, -4, 4));
    const auto same = [](bf16 got, float exact) { return got.bits == bf16::round(exact); };
    bool all = true;
    for (size_t i = 0; i < a.size(); ++i) {
        const float x = a[i], y = b[i], z = c[i];
        all &= same(__hadd(a[i], b[i]), x + y) && same(__hsub(a[i], b[i]), x - y);
        all &= same(__hmul(a[i], b[i]), x * y) && same(__hfma(a[i], b[i], c[i]), x * y + z);
        all &= __bfloat162float(__float2bfloat16_rn(x)) == x;
    }
    CHECK(all);
}
