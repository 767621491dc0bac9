#include "train/data/pack_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/fnv1a.h"
#include "kernels/common/error.h"
#include "train/data/for_each_item.h"

namespace sg {
namespace {

constexpr const char* kOperation = "pack";

[[noreturn]] void refuse(const std::filesystem::path& path, const char* doing) {
    throw Error(kOperation,
                fmt::format("{}: cannot {}: {}", path.string(), doing, std::strerror(errno)));
}

std::pair<uint64_t, uint64_t> inode_of(const struct stat& status) {
    return {status.st_dev, status.st_ino};
}

std::span<const uint8_t> map_file(const std::filesystem::path& path,
                                  std::pair<uint64_t, uint64_t>& inode) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) refuse(path, "open");
    struct stat status {};
    const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    const auto size = size_t(status.st_size);
    inode = inode_of(status);
    void* bytes =
        regular && size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0) : nullptr;
    const int code = errno;
    ::close(descriptor);
    require(regular, kOperation, "{} is not a regular file", path.string());
    errno = code;
    if (bytes == MAP_FAILED) refuse(path, "map");
    return {static_cast<const uint8_t*>(bytes), size};
}

void unmap(std::span<const uint8_t> file) {
    if (!file.empty()) ::munmap(const_cast<uint8_t*>(file.data()), file.size());
}

}  // namespace

PackFile::PackFile(std::filesystem::path path)
    : path_(std::move(path)), file_(map_file(path_, inode_)) {
    try {
        index_ = decode_pack(path_.string(), file_);
        image_bytes_ = pack_image_bytes(index_.size);
        states_ = std::vector<std::atomic<State>>(index_.checksums.size());
    } catch (...) {
        unmap(file_);
        throw;
    }
    // Training reads whole images in a random order: pixels() asks for each in one piece, and
    // reading on beyond it would be in vain.
    ::madvise(const_cast<uint8_t*>(file_.data()), file_.size(), MADV_RANDOM);
}

PackFile::~PackFile() {
    unmap(file_);
}

std::span<const uint8_t> PackFile::pixels(size_t image) const {
    require(image < states_.size(), kOperation, "{} has no image {}, only 0 to {}", path_.string(),
            image, int64_t(states_.size()) - 1);
    const size_t begin = pack_preamble_bytes + image * image_bytes_;
    const size_t page = begin & ~size_t{4095};
    ::madvise(const_cast<uint8_t*>(file_.data()) + page, begin + image_bytes_ - page,
              MADV_WILLNEED);
    return file_.subspan(begin, image_bytes_);
}

PackFile::State PackFile::check(size_t image, std::span<const uint8_t> bytes) const {
    State state = states_[image].load(std::memory_order_relaxed);
    if (state != unread) return state;
    Fnv1a hash;
    hash.add(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    state = hash.value() == index_.checksums[image] ? good : bad;
    states_[image].store(state, std::memory_order_relaxed);
    return state;
}

std::span<const uint8_t> PackFile::image(size_t image) const {
    const auto bytes = pixels(image);
    require(check(image, bytes) == good, kOperation,
            "{}: image {} ({}) is damaged: its checksum differs", path_.string(), image,
            index_.list.names[image]);
    return bytes;
}

std::vector<size_t> PackFile::damaged(int threads) const {
    for_each_item(states_.size(), threads, [this](size_t i) { check(i, pixels(i)); });
    std::vector<size_t> found;
    for (size_t i = 0; i < states_.size(); ++i) {
        if (states_[i] == bad) found.push_back(i);
    }
    return found;
}

void PackFile::remove_file() const {
    struct stat status {};
    if (::stat(path_.c_str(), &status) == 0 && inode_of(status) == inode_) ::unlink(path_.c_str());
}

}  // namespace sg
