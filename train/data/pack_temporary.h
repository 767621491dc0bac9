#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace sg {

/// A pack in the making: a file beside `path` of a name of its own, locked while its process lives.
/// Without commit() it is removed. Failures throw Error("pack") with the system's reason.
class PackTemporary {
  public:
    /// Also removes those of processes that were killed.
    explicit PackTemporary(std::filesystem::path path);
    ~PackTemporary();
    PackTemporary(const PackTemporary&) = delete;
    PackTemporary& operator=(const PackTemporary&) = delete;

    /// Makes the file `bytes` long and takes the space for it on the disk.
    void reserve(uint64_t bytes);
    void write(uint64_t offset, const void* data, size_t bytes);
    void read(uint64_t offset, void* data, size_t bytes) const;
    /// Cuts the file to `bytes`, flushes it to the disk and renames it to `path`.
    void commit(uint64_t bytes);

  private:
    [[noreturn]] void fail(const char* doing, int code, uint64_t bytes = 0) const;
    bool create(const std::string& name);

    std::filesystem::path path_, temporary_;
    int descriptor_ = -1;
};

}  // namespace sg
