#include "train/data/pack_temporary.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/common/error.h"

namespace sg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = ".sgpack.part-";

bool lies_at(const fs::path& path, int descriptor) {
    struct stat there {};
    struct stat ours {};
    return ::stat(path.c_str(), &there) == 0 && ::fstat(descriptor, &ours) == 0 &&
           there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

/// A file that can be locked has no process any more that writes it. But it may have got its final
/// name since it was opened, and its old one may be another's.
void remove_if_abandoned(const fs::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && lies_at(path, descriptor))
        ::unlink(path.c_str());
    ::close(descriptor);
}

void remove_abandoned(const fs::path& folder) {
    std::error_code error;  // a folder that cannot be listed has nothing for us to remove
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (entry.path().filename().string().find(kMark) != std::string::npos)
            remove_if_abandoned(entry.path());
    }
}

fs::path folder_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

PackTemporary::PackTemporary(fs::path path) : path_(std::move(path)) {
    remove_abandoned(folder_of(path_));
    const std::string stem = (path_.parent_path() / path_.stem()).string();
    for (int i = 0; !create(fmt::format("{}{}{}-{}", stem, kMark, ::getpid(), i)); ++i) continue;
}

/// False if the name is taken, or was lost to a process that cleans up before it was locked.
bool PackTemporary::create(const std::string& name) {
    temporary_ = name;
    descriptor_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno == EEXIST) return false;
    if (descriptor_ < 0) fail("create", errno);
    // Who has the lock is about to remove the file. Where there are no locks, nothing is removed.
    const bool lost = ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!lost && lies_at(name, descriptor_)) return true;
    ::close(std::exchange(descriptor_, -1));
    return false;
}

PackTemporary::~PackTemporary() {
    if (descriptor_ < 0) return;
    ::unlink(temporary_.c_str());
    ::close(descriptor_);
}

void PackTemporary::fail(const char* doing, int code, uint64_t bytes) const {
    std::string fact = fmt::format("{}: cannot {}", path_.string(), doing);
    if (bytes > 0) fact += fmt::format(" {} MB", (bytes + 999999) / 1000000);
    std::error_code error;
    const auto space = fs::space(folder_of(path_), error);
    if (code == ENOSPC && !error)
        fact += fmt::format(", {} MB are free", space.available / 1000000);
    throw Error("pack", fmt::format("{}: {}", fact, std::strerror(code)));
}

void PackTemporary::reserve(uint64_t bytes) {
    int code = EINTR;
    while (code == EINTR) code = ::posix_fallocate(descriptor_, 0, off_t(bytes));
    // Some file systems have no such thing.
    if (code != 0 && code != EOPNOTSUPP && code != EINVAL) fail("reserve", code, bytes);
}

void PackTemporary::write(uint64_t offset, const void* data, size_t bytes) {
    const char* at = static_cast<const char*>(data);
    while (bytes > 0) {
        const ssize_t written = ::pwrite(descriptor_, at, bytes, off_t(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("write", errno);
        at += written;
        offset += uint64_t(written);
        bytes -= size_t(written);
    }
}

void PackTemporary::read(uint64_t offset, void* data, size_t bytes) const {
    char* at = static_cast<char*>(data);
    while (bytes > 0) {
        const ssize_t got = ::pread(descriptor_, at, bytes, off_t(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) fail("read back", got < 0 ? errno : EIO);
        at += got;
        offset += uint64_t(got);
        bytes -= size_t(got);
    }
}

void PackTemporary::commit(uint64_t bytes) {
    if (::ftruncate(descriptor_, off_t(bytes)) != 0) fail("resize", errno);
    if (::fsync(descriptor_) != 0) fail("flush", errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename", errno);
    ::close(std::exchange(descriptor_, -1));
    // The rename itself is durable once the folder is flushed.
    const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
}

}  // namespace sg
