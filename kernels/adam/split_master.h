#pragma once

#include <bit>
#include <cstdint>

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"
#include "kernels/common/device_context.h"

// Parameters of a network that computes in bf16, as f32 in two halves: the bf16 number that
// convolutions read, and what it lacks of the f32 one. Nothing is lost and nothing stored twice.
//   bits(p) = 2^16 bits(high) + low,   low in [-2^15, 2^15),
// so high is p rounded to nearest, ties away from zero. Ties to even would not do: they can leave
// low = 2^15, one more than an int16 holds.

namespace sg {

struct SplitF32 {
    bf16 high;
    int16_t low;
};

SG_HOST_DEVICE inline SplitF32 split_f32(float value) {
    constexpr uint32_t half = 0x8000u;
    const auto bits = std::bit_cast<uint32_t>(value);
    SplitF32 result;
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {  // NaN, which rounding could make a number
        result.high.bits = uint16_t(bits >> 16 | 0x40u);
        result.low = 0;
        return result;
    }
    const uint32_t high = (bits + half) >> 16;
    result.high.bits = uint16_t(high);
    result.low = int16_t(bits - (high << 16));
    return result;
}

SG_HOST_DEVICE inline float join_f32(bf16 high, int16_t low) {
    return std::bit_cast<float>((uint32_t(high.bits) << 16) + uint32_t(int32_t(low)));
}

/// The halves of `count` values, which somebody else has made: high, low = split_f32(values).
struct SplitArgs {
    int64_t count;
    const float* values;
    bf16* high;
    int16_t* low;
};
void split_master(CpuContext& context, const SplitArgs& args);
template <DeviceContext Device>
void split_master(Device& device, const SplitArgs& args);

/// The way back: values = join_f32(high, low).
struct JoinArgs {
    int64_t count;
    const bf16* high;
    const int16_t* low;
    float* values;
};
void join_master(CpuContext& context, const JoinArgs& args);
template <DeviceContext Device>
void join_master(Device& device, const JoinArgs& args);

}  // namespace sg
