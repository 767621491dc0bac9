#pragma once

#include <atomic>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "train/data/pack_format.h"

namespace sg {

/// An open pack: its index read and checked, its pixels mapped into memory. The system reads them
/// when they are looked at and keeps them as long as it has memory to spare. All const members may
/// be called from several threads at once.
///
/// Removing the file, or renaming another one to its path, does no harm on a disk of this machine.
/// What the process has mapped goes away, and with it the process (SIGBUS), if the disk fails, if a
/// program shortens the file in place, as `cp` does when it overwrites one, or if the file is on a
/// network's disk (NFS) and another machine removes or replaces it.
class PackFile {
  public:
    /// Throws as decode_pack, and for a file that cannot be opened.
    explicit PackFile(std::filesystem::path path);
    ~PackFile();
    PackFile(const PackFile&) = delete;
    PackFile& operator=(const PackFile&) = delete;

    const std::filesystem::path& path() const { return path_; }
    const PackIndex& index() const { return index_; }
    int64_t bytes() const { return int64_t(file_.size()); }

    /// The pixels of an image, checked against its checksum when they are first asked for. Throws
    /// Error naming image and file if they are damaged.
    std::span<const uint8_t> image(size_t image) const;
    /// Reads all images and returns those that are damaged. Threads: 0 = one per core.
    std::vector<size_t> damaged(int threads) const;
    /// Removes the file, if it is still the one at its path; that it cannot be removed is no error.
    void remove_file() const;

  private:
    enum State : uint8_t { unread, good, bad };
    State check(size_t image, std::span<const uint8_t> bytes) const;
    std::span<const uint8_t> pixels(size_t image) const;

    std::filesystem::path path_;
    std::pair<uint64_t, uint64_t> inode_;  ///< its device and number: no other file has them
    std::span<const uint8_t> file_;
    PackIndex index_;
    size_t image_bytes_ = 0;
    mutable std::vector<std::atomic<State>> states_;
};

}  // namespace sg
