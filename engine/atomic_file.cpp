#include "engine/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/common/error.h"

namespace sg {

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp") {
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

}  // namespace sg
