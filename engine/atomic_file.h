#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace sg {

/// A file that appears complete or not at all: bytes go to PATH.tmp, commit() flushes them to the
/// disk and renames. Without commit() the temporary file is removed and PATH is untouched.
/// All failures throw Error("file", "PATH: the system's reason").
class AtomicFile {
  public:
    explicit AtomicFile(std::filesystem::path path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(const void* data, size_t bytes);
    void write(const std::string& text) { write(text.data(), text.size()); }
    void commit();

  private:
    [[noreturn]] void fail(const char* doing) const;

    std::filesystem::path path_, temporary_;
    int descriptor_ = -1;
};

/// The whole of a small file.
void write_file_atomically(const std::filesystem::path& path, const std::string& text);

/// Holds a folder (created if need be) for one process, from construction to destruction. Throws
/// Error("file") if another process holds it.
class FolderLock {
  public:
    explicit FolderLock(const std::filesystem::path& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

  private:
    int descriptor_;
};

}  // namespace sg
