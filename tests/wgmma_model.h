#pragma once

#include <cstdint>

namespace sg::testing {

/// The shared-memory address at which wgmma reads element (side, depth) of an operand of one
/// product: a model of the hardware after the PTX ISA ("Matrix Descriptor Format", "Strides",
/// canonical layouts of the 128-byte swizzle) and nothing else, for two-byte elements.
inline unsigned wgmma_address(uint64_t descriptor, bool side_contiguous, int side, int depth) {
    const auto field = [&](int bit) { return unsigned(descriptor >> bit & 0x3FFF) * 16; };
    const unsigned start = field(0), leading = field(16), stride = field(32);
    const auto s = unsigned(side), d = unsigned(depth);
    const unsigned address =
        start + (side_contiguous ? s / 64 * leading + s % 64 * 2 + d / 8 * stride + d % 8 * 128
                                 : s / 8 * stride + s % 8 * 128 + d * 2);
    return address ^ (address >> 7 & 7) << 4;
}

}  // namespace sg::testing
