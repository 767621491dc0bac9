#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sg {

/// FNV-1a (Fowler, Noll, Vo) on 64-bit words, fed piece by piece; pieces of F32 tensors end on
/// 4-byte boundaries, so words may straddle them.
class Fnv1a {
  public:
    explicit Fnv1a(uint64_t start = 0xCBF29CE484222325ull) : hash_(start) {}

    void add(const char* data, size_t bytes) {
        for (; bytes > 0 && filled_ > 0; --bytes) push(*data++);
        for (; bytes >= 8; bytes -= 8, data += 8) {
            uint64_t word;
            std::memcpy(&word, data, 8);
            mix(word);
        }
        for (; bytes > 0; --bytes) push(*data++);
    }
    uint64_t value() const {
        Fnv1a copy = *this;
        while (copy.filled_ > 0) copy.push(0);
        return copy.hash_;
    }

  private:
    void push(char byte) {
        reinterpret_cast<char*>(&pending_)[filled_++] = byte;
        if (filled_ < 8) return;
        mix(pending_);
        filled_ = 0;
    }
    void mix(uint64_t word) {
        hash_ = (hash_ ^ word) * 0x100000001B3ull;
        hash_ ^= hash_ >> 32;  // the product moves bits up only; without this, high bits cancel
    }

    uint64_t hash_, pending_ = 0;
    int filled_ = 0;
};

}  // namespace sg
