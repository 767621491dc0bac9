#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace sg {

/// Where an arena's blocks come from.
class BlockSource {
  public:
    virtual ~BlockSource() = default;
    /// `bytes` of memory aligned to Arena::alignment. Throws Error if there is no more.
    virtual void* allocate(size_t bytes) = 0;
    virtual void release(void* block, size_t bytes) noexcept = 0;
    /// Whether the host can touch the memory, and AddressSanitizer watch it.
    virtual bool on_host() const { return false; }
};

/// The host's memory. Throws Error("arena") if the system refuses.
std::unique_ptr<BlockSource> host_blocks();
/// Addresses without memory behind them, for planning: nothing may touch them.
std::unique_ptr<BlockSource> imaginary_blocks();

/// Memory for tensors: large blocks cut by best fit, freed pieces merged and reused. The same
/// sequence of allocations and frees gives the same addresses, so every training step after the
/// first finds its tensors where the previous one had them, and asks the system for nothing.
/// Thread-safe.
class Arena {
  public:
    static constexpr size_t alignment = 256;  ///< as GPU memory comes; any vector load
    static constexpr size_t default_block = size_t{64} << 20;

    explicit Arena(size_t block_bytes = default_block,
                   std::unique_ptr<BlockSource> source = host_blocks());
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    /// `bytes` of uninitialised memory. Throws what the source throws if there is no more.
    void* allocate(size_t bytes);
    void free(void* pointer);
    /// Takes a block for `bytes` at once, so that later allocations need none.
    void reserve(size_t bytes);

    size_t bytes_in_use() const;
    size_t peak_bytes() const;      ///< most bytes ever in use
    size_t reserved_bytes() const;  ///< taken from the source
    size_t block_count() const;     ///< how often something was taken from the source

  private:
    struct Piece {
        size_t bytes;
        bool free;
        size_t block;  ///< pieces of different blocks are never merged
    };
    using Pieces = std::map<char*, Piece>;

    Pieces::iterator add_block(size_t bytes);
    void mark_free(Pieces::iterator piece);

    mutable std::mutex mutex_;
    std::unique_ptr<BlockSource> source_;
    size_t block_bytes_;
    std::vector<std::pair<void*, size_t>> blocks_;
    Pieces pieces_;                            // by address
    std::set<std::pair<size_t, char*>> free_;  // by size, then address
    size_t in_use_ = 0, peak_ = 0, reserved_ = 0;
};

}  // namespace sg
