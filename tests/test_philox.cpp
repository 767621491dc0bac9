#include <set>

#include "tests/support.h"

using namespace sg;

using Counter = Philox4x32::Counter;

static_assert(Philox4x32::generate({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5u, "at compile time too");

TEST_CASE("Philox4x32-10 gives the published words", "[philox]") {
    // kat_vectors of Random123: zeros, ones, digits of pi.
    constexpr uint32_t ones = 0xffffffffu;
    CHECK(Philox4x32::generate({0, 0, 0, 0}, {0, 0}) ==
          Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(Philox4x32::generate({ones, ones, ones, ones}, {ones, ones}) ==
          Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(Philox4x32::generate({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                               {0xa4093822, 0x299f31d0}) ==
          Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the counter is laid out as documented", "[philox]") {
    const Rng rng{.seed = 0x1122334455667788, .purpose = RngPurpose::flip, .iteration = 9};
    const uint64_t index = 0xaabbccdd00112233;
    const Counter words =
        Philox4x32::generate({0x00112233, 0xaabbccdd, 4, 9}, {0x55667788, 0x11223344});
    CHECK(rng.words(index) == words);
    for (uint64_t i = 0; i < 4; ++i) CHECK(rng.bits(4 * 77 + i) == rng.words(77)[i]);
    CHECK(rng.uniform(5) == float(rng.bits(5) >> 8) / 16777216.0f);
    CHECK(rng.below(5, 10) == uint32_t(uint64_t{rng.bits(5)} * 10 >> 32));
}

TEST_CASE("the values of the purposes are a contract with checkpoints", "[philox]") {
    CHECK(uint32_t(RngPurpose::init_generator) == 1);
    CHECK(uint32_t(RngPurpose::init_discriminator) == 2);
    CHECK(uint32_t(RngPurpose::data_order) == 3);
    CHECK(uint32_t(RngPurpose::flip) == 4);
    CHECK(uint32_t(RngPurpose::target_labels) == 5);
    CHECK(uint32_t(RngPurpose::gp_alpha) == 6);
    CHECK(uint32_t(RngPurpose::synth_identity) == 7);
    CHECK(uint32_t(RngPurpose::synth_attributes) == 8);
    CHECK(uint32_t(RngPurpose::split) == 9);
    CHECK(uint32_t(RngPurpose::test) == 10);
}

TEST_CASE("uniform numbers are uniform", "[philox]") {
    constexpr int count = 1 << 18, bins = 64;
    const Rng rng{.seed = 3};
    std::vector<int> histogram(bins);
    double sum = 0, product = 0;
    for (int i = 0; i < count; ++i) {
        const double u = rng.uniform(i);
        REQUIRE((u >= 0 && u < 1));
        sum += u;
        product += (u - 0.5) * (rng.uniform(i + 1) - 0.5);
        histogram[int(u * bins)]++;
    }
    double chi = 0;
    for (int n : histogram) chi += std::pow(n - count / bins, 2) / (double(count) / bins);
    CHECK(chi < 63 + 4 * std::sqrt(2 * 63.0));  // mean 63, deviation sqrt(2 * 63)
    CHECK(std::abs(sum / count - 0.5) < 4 / std::sqrt(12.0 * count));
    CHECK(std::abs(product / count) < 4.0 / (12 * std::sqrt(double(count))));
}

TEST_CASE("integers below n reach all of them and no other", "[philox]") {
    const Rng rng{.seed = 4};
    std::vector<int> seen(7);
    for (int i = 0; i < 7000; ++i) seen.at(rng.below(i, 7))++;
    for (int n : seen) CHECK(std::abs(n - 1000) < 130);  // 4.4 standard deviations
    for (int i = 0; i < 10; ++i) CHECK(rng.below(i, 1) == 0);
}

TEST_CASE("seed, purpose and iteration each change everything", "[philox]") {
    std::set<uint32_t> first;
    std::vector<Rng> streams = {{.seed = 1}, {.seed = 2}, {.seed = uint64_t{1} << 32}};
    for (uint32_t purpose = 1; purpose < 10; ++purpose)
        streams.push_back({.seed = 1, .purpose = RngPurpose(purpose)});
    for (uint32_t iteration : {1u, 2u, 0x80000000u})
        streams.push_back({.seed = 1, .iteration = iteration});
    constexpr int length = 1000;
    for (const Rng& rng : streams)
        for (int i = 0; i < length; ++i) first.insert(rng.bits(i));
    // 15000 of 2^32 values: a collision has probability 0.03, and the seeds are fixed.
    CHECK(first.size() == streams.size() * length);
    for (size_t a = 1; a < streams.size(); ++a) {
        double correlation = 0;
        for (int i = 0; i < length; ++i)
            correlation += (streams[0].uniform(i) - 0.5) * (streams[a].uniform(i) - 0.5);
        CHECK(std::abs(correlation / length) < 5.0 / (12 * std::sqrt(double(length))));
    }
}
