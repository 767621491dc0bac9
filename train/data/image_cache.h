#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace sg {

/// Decoded images of one size, kept if all of them fit the budget and not at all otherwise: a part
/// would speed up a part of every epoch at the full price. Safe to use from several threads.
class ImageCache {
  public:
    ImageCache(size_t count, size_t image_bytes, int64_t budget) : image_bytes_(image_bytes) {
        if (budget <= 0 || count > size_t(budget) / image_bytes) return;
        // Not zeroed: a page is paid for when its image arrives.
        bytes_ = std::make_unique_for_overwrite<uint8_t[]>(count * image_bytes);
        states_ = std::vector<std::atomic<State>>(count);
    }

    /// Copies the image at `position` to `pixels`; false if it is not there.
    bool load(size_t position, std::span<uint8_t> pixels) const {
        if (!bytes_ || states_[position].load(std::memory_order_acquire) != full) return false;
        std::copy_n(bytes_.get() + position * image_bytes_, image_bytes_, pixels.begin());
        return true;
    }

    /// Keeps an image. Two threads may bring the same one: the first stores it.
    void store(size_t position, std::span<const uint8_t> pixels) {
        State expected = empty;
        if (!bytes_ || !states_[position].compare_exchange_strong(expected, busy)) return;
        std::copy(pixels.begin(), pixels.end(), bytes_.get() + position * image_bytes_);
        states_[position].store(full, std::memory_order_release);
    }

  private:
    enum State : uint8_t { empty, busy, full };
    size_t image_bytes_;
    std::unique_ptr<uint8_t[]> bytes_;
    std::vector<std::atomic<State>> states_;
};

}  // namespace sg
