#pragma once

#include <array>
#include <cstdint>

#include "kernels/common/host_device.h"

namespace sg {

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
/// SC'11): a 128-bit counter and a 64-bit key give four independent 32-bit words. No state, so a
/// random number depends on *what it is for* and never on which thread or device asks first.
struct Philox4x32 {
    using Counter = std::array<uint32_t, 4>;
    using Key = std::array<uint32_t, 2>;

    SG_HOST_DEVICE static constexpr Counter round(Counter c, Key k) {
        const uint64_t p0 = uint64_t{0xD2511F53u} * c[0];
        const uint64_t p1 = uint64_t{0xCD9E8D57u} * c[2];
        return {uint32_t(p1 >> 32) ^ c[1] ^ k[0], uint32_t(p1), uint32_t(p0 >> 32) ^ c[3] ^ k[1],
                uint32_t(p0)};
    }

    SG_HOST_DEVICE static constexpr Counter generate(Counter c, Key k) {
        for (int i = 0; i < 10; ++i) {
            if (i > 0) k = {k[0] + 0x9E3779B9u, k[1] + 0xBB67AE85u};
            c = round(c, k);
        }
        return c;
    }
};

/// What a random number is for. The values are part of the checkpoint contract (a resumed run must
/// draw what the uninterrupted one would have drawn): append, never renumber.
enum class RngPurpose : uint32_t {
    init_generator = 1,
    init_discriminator = 2,
    data_order = 3,
    flip = 4,
    target_labels = 5,
    gp_alpha = 6,
    synth_identity = 7,
    synth_attributes = 8,
    split = 9,
    test = 10,
    data_set = 11,
    balanced_item = 12,
    init_classifier = 13,
    judged_pairs = 14,
};

/// A number is a function of (seed, purpose, iteration, index) alone: counter words 0-1 hold the
/// index, word 2 the purpose, word 3 the iteration (or epoch, or tensor number), the key the seed.
struct Rng {
    uint64_t seed = 0;
    RngPurpose purpose = RngPurpose::test;
    uint32_t iteration = 0;

    /// Four random 32-bit words for `index`.
    SG_HOST_DEVICE constexpr Philox4x32::Counter words(uint64_t index) const {
        return Philox4x32::generate(
            {uint32_t(index), uint32_t(index >> 32), uint32_t(purpose), iteration},
            {uint32_t(seed), uint32_t(seed >> 32)});
    }
    SG_HOST_DEVICE constexpr uint32_t bits(uint64_t index) const {
        return words(index / 4)[index % 4];
    }

    /// Uniform in [0, 1): the top 24 bits, so every value is exact in f32.
    SG_HOST_DEVICE constexpr float uniform(uint64_t index) const {
        return float(bits(index) >> 8) * (1.0f / 16777216.0f);
    }
    /// Uniform integer in [0, n), n < 2^32, by multiply-shift (bias below n / 2^32).
    SG_HOST_DEVICE constexpr uint32_t below(uint64_t index, uint32_t n) const {
        return uint32_t((uint64_t{bits(index)} * n) >> 32);
    }
};

}  // namespace sg
