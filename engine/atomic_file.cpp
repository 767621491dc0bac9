#include "engine/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/common/error.h"

namespace sg {

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp") {
    std::error_code error;
    const auto status = std::filesystem::status(path_, error);
    require(!std::filesystem::exists(status) || std::filesystem::is_regular_file(status), "file",
            "{}: is not a regular file", path_.string());
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail("create");
}

AtomicFile::~AtomicFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* doing) const {
    const int code = errno;
    throw Error("file", fmt::format("{}: cannot {}: {}", path_.string(), doing, strerror(code)),
                code == ENOSPC ? "the disk is full; nothing that was there before is lost" : "");
}

void AtomicFile::write(const void* data, size_t bytes) {
    const char* at = static_cast<const char*>(data);
    while (bytes > 0) {
        const ssize_t written = ::write(descriptor_, at, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("write");
        at += written;
        bytes -= size_t(written);
    }
}

void AtomicFile::commit() {
    if (::fsync(descriptor_) != 0) fail("flush");
    const int descriptor = descriptor_;
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename");
    descriptor_ = -1;
    ::close(descriptor);
    // The rename itself is durable once the folder is flushed.
    const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    const int parent = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) return;
    ::fsync(parent);
    ::close(parent);
}

void write_file_atomically(const std::filesystem::path& path, const std::string& text) {
    AtomicFile file(path);
    file.write(text);
    file.commit();
}

FolderLock::FolderLock(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    const auto path = folder / ".lock";
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    require(descriptor_ >= 0, "file", "{}: cannot create: {}", path.string(), strerror(errno));
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(descriptor_);
    throw Error("file", fmt::format("{} is in use by another process", folder.string()));
}

FolderLock::~FolderLock() {
    ::close(descriptor_);
}  // which releases the lock

}  // namespace sg
