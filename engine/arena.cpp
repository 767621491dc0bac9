#include "engine/arena.h"

#include <algorithm>
#include <cstdlib>

#include "kernels/common/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace sg {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t red_zone = Arena::alignment;  // so that an overrun meets poisoned memory
void poison(const BlockSource& source, void* memory, size_t bytes) {
    if (source.on_host()) __asan_poison_memory_region(memory, bytes);
}
void unpoison(const BlockSource& source, void* memory, size_t bytes) {
    if (source.on_host()) __asan_unpoison_memory_region(memory, bytes);
}
#else
constexpr size_t red_zone = 0;
void poison(const BlockSource&, void*, size_t) {}
void unpoison(const BlockSource&, void*, size_t) {}
#endif

size_t round_up(size_t bytes) {
    return (std::max<size_t>(bytes, 1) + red_zone + Arena::alignment - 1) / Arena::alignment *
           Arena::alignment;
}

class HostBlocks : public BlockSource {
  public:
    void* allocate(size_t bytes) override {
        void* block = std::aligned_alloc(Arena::alignment, bytes);
        if (!block)
            throw Error("arena", fmt::format("the system refused {} MiB", bytes >> 20),
                        "a smaller batch or image size needs less");
        return block;
    }
    void release(void* block, size_t) noexcept override { std::free(block); }
    bool on_host() const override { return true; }
};

class ImaginaryBlocks : public BlockSource {
  public:
    void* allocate(size_t bytes) override {
        void* block = reinterpret_cast<void*>(next_);
        next_ += bytes + gap;
        return block;
    }
    void release(void*, size_t) noexcept override {}

  private:
    // Addresses that no process is given: touching one ends the program at once.
    static constexpr uintptr_t first = uintptr_t{1} << 60, gap = uintptr_t{1} << 30;
    uintptr_t next_ = first;
};

}  // namespace

std::unique_ptr<BlockSource> host_blocks() {
    return std::make_unique<HostBlocks>();
}
std::unique_ptr<BlockSource> imaginary_blocks() {
    return std::make_unique<ImaginaryBlocks>();
}

Arena::Arena(size_t block_bytes, std::unique_ptr<BlockSource> source)
    : source_(std::move(source)), block_bytes_(block_bytes) {}

Arena::~Arena() {
    for (const auto& [block, bytes] : blocks_) source_->release(block, bytes);
}

Arena::Pieces::iterator Arena::add_block(size_t bytes) {
    const size_t size = std::max(round_up(bytes), block_bytes_);
    void* block = source_->allocate(size);
    blocks_.emplace_back(block, size);
    reserved_ += size;
    poison(*source_, block, size);
    const auto it =
        pieces_.emplace(static_cast<char*>(block), Piece{size, true, blocks_.size()}).first;
    free_.emplace(size, it->first);
    return it;
}

void Arena::reserve(size_t bytes) {
    const std::lock_guard lock(mutex_);
    add_block(bytes);
}

void* Arena::allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t size = round_up(bytes);
    auto fit = free_.lower_bound({size, nullptr});
    auto piece = fit != free_.end() ? pieces_.find(fit->second) : add_block(size);
    free_.erase({piece->second.bytes, piece->first});
    if (piece->second.bytes > size) {
        const size_t rest = piece->second.bytes - size;
        pieces_.emplace(piece->first + size, Piece{rest, true, piece->second.block});
        free_.emplace(rest, piece->first + size);
        piece->second.bytes = size;
    }
    piece->second.free = false;
    in_use_ += size;
    peak_ = std::max(peak_, in_use_);
    unpoison(*source_, piece->first, bytes);
    return piece->first;
}

void Arena::mark_free(Pieces::iterator piece) {
    poison(*source_, piece->first, piece->second.bytes);
    in_use_ -= piece->second.bytes;
    piece->second.free = true;
    const auto absorb_next = [this](Pieces::iterator left) {
        const auto right = std::next(left);
        if (right == pieces_.end() || !right->second.free ||
            right->second.block != left->second.block)
            return;
        free_.erase({right->second.bytes, right->first});
        left->second.bytes += right->second.bytes;
        pieces_.erase(right);
    };
    absorb_next(piece);
    if (piece != pieces_.begin()) {
        const auto left = std::prev(piece);
        if (left->second.free && left->second.block == piece->second.block) {
            free_.erase({left->second.bytes, left->first});
            absorb_next(left);
            piece = left;
        }
    }
    free_.emplace(piece->second.bytes, piece->first);
}

void Arena::free(void* pointer) {
    const std::lock_guard lock(mutex_);
    const auto piece = pieces_.find(static_cast<char*>(pointer));
    if (piece == pieces_.end() || piece->second.free)
        throw Error("arena", "freed memory that it had not given out");
    mark_free(piece);
}

size_t Arena::bytes_in_use() const {
    const std::lock_guard lock(mutex_);
    return in_use_;
}

size_t Arena::peak_bytes() const {
    const std::lock_guard lock(mutex_);
    return peak_;
}

size_t Arena::reserved_bytes() const {
    const std::lock_guard lock(mutex_);
    return reserved_;
}

size_t Arena::block_count() const {
    const std::lock_guard lock(mutex_);
    return blocks_.size();
}

}  // namespace sg
