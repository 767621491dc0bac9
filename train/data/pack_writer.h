#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "kernels/common/error.h"
#include "train/data/pack_format.h"

namespace sg {

/// Somebody asked to stop.
class Stopped : public Error {
  public:
    using Error::Error;
};

/// What is to become a pack.
struct PackJob {
    FileList list;  ///< items; its summary is that of the listing
    ImageSize size;
    std::string source, place, content;  ///< as in PackIndex
    /// Fills the pixels of an item, height x width x 3, and returns the size of its source. Called
    /// from several threads at once. What it throws leaves the item out.
    std::function<ImageInfo(size_t item, std::span<uint8_t> pixels)> read;
    int threads = 0;  ///< 0: one per core
    /// Told how many items are done, from the calling thread; may be empty.
    std::function<void(int64_t done, int64_t total)> progress = {};
    const std::atomic<bool>* stop = nullptr;  ///< set: throw Stopped
};

/// Reads the items of a file list by read_item.
PackJob file_pack_job(FileList list, ImageSize size);

/// Writes a pack, under another name until it is whole and on the disk. Returns its index. The
/// space is reserved first. Whatever is thrown, no file stays; what a killed process has left in
/// the folder is removed. Throws Error with the system's reason, and if no item can be read.
PackIndex write_pack(const std::filesystem::path& path, PackJob job);

}  // namespace sg
