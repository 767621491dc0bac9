#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace sg {

/// Memory for tensors: large blocks cut by best fit, freed pieces merged and reused. The same
/// sequence of allocations and frees gives the same addresses, so every training step after the
/// first finds its tensors where the previous one had them, and asks the system for nothing.
/// Thread-safe.
class Arena {
  public:
    explicit Arena(size_t block_bytes = size_t{64} << 20);
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    static constexpr size_t alignment = 64;  ///< a cache line, and any vector load

    /// `bytes` of uninitialised memory. Throws Error("arena") if the system has no more.
    void* allocate(size_t bytes);
    void free(void* pointer);

    size_t bytes_in_use() const;
    size_t peak_bytes() const;      ///< most bytes ever in use
    size_t reserved_bytes() const;  ///< taken from the system

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
    size_t block_bytes_;
    std::vector<void*> blocks_;
    Pieces pieces_;                            // by address
    std::set<std::pair<size_t, char*>> free_;  // by size, then address
    size_t in_use_ = 0, peak_ = 0, reserved_ = 0;
};

}  // namespace sg
