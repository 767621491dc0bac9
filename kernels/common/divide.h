#pragma once

#include <cstdint>

#include "kernels/common/host_device.h"

namespace sg {

/// Division of 0 <= n < 2^31 by a constant known at the launch: a multiplication and a shift
/// (Granlund and Montgomery 1994). With l = ceil(log2 d) and m = floor(2^32 (2^l - d) / d) + 1,
/// n / d = (m n / 2^32 + n) >> l. The sum fits 32 bits because n < 2^31.
class Divider {
  public:
    Divider() = default;
    explicit Divider(int64_t divisor) : d_(uint32_t(divisor)) {
        while ((uint64_t{1} << shift_) < d_) ++shift_;
        const uint64_t over = (uint64_t{1} << shift_) - d_;
        multiplier_ = uint32_t((over << 32) / d_ + 1);
    }
    SG_HOST_DEVICE int divisor() const { return int(d_); }
    SG_HOST_DEVICE int quotient(int n) const {
        const auto high = uint32_t(uint64_t(multiplier_) * uint32_t(n) >> 32);
        return int((high + uint32_t(n)) >> shift_);
    }
    /// Sets n to n / d and returns the remainder.
    SG_HOST_DEVICE int split(int& n) const {
        const int whole = n;
        n = quotient(n);
        return whole - n * int(d_);
    }

  private:
    uint32_t d_ = 1, multiplier_ = 1, shift_ = 0;
};

}  // namespace sg
