#include "train/data/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>

#include "kernels/common/error.h"

namespace sg {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kImageExtensions = {".jpg", ".jpeg", ".png",
                                                              ".bmp", ".ppm",  ".pgm"};
// Images that other tools read and we do not: worth a note, since the user counts on them.
constexpr std::array<std::string_view, 7> kForeignExtensions = {".gif", ".heic", ".jp2", ".tga",
                                                                ".tif", ".tiff", ".webp"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File open_for_reading(const char* operation, const std::string& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    require(status.type() != fs::file_type::not_found, operation, "{}: no such file", path);
    // Opening a pipe would block and a directory opens but does not read.
    require(!error, operation, "{}: cannot be opened: {}", path, error.message());
    require(fs::is_regular_file(status), operation, "{}: is not a regular file", path);
    File file(std::fopen(path.c_str(), "rb"), &std::fclose);
    require(file != nullptr, operation, "{}: cannot be opened: {}", path, std::strerror(errno));
    return file;
}

std::vector<uint8_t> read_open_file(const char* operation, const std::string& path, std::FILE* file,
                                    size_t bytes) {
    std::vector<uint8_t> data(bytes);
    data.resize(std::fread(data.data(), 1, bytes, file));
    require(!std::ferror(file), operation, "{}: cannot be read: {}", path, std::strerror(errno));
    return data;
}

int64_t size_of(const char* operation, const std::string& path) {
    std::error_code error;
    const auto bytes = fs::file_size(path, error);
    require(!error, operation, "{}: cannot be read: {}", path, error.message());
    return int64_t(bytes);
}

bool is_hidden(const fs::path& path) {
    return path.filename().native().starts_with('.');
}

std::string lower_extension(const fs::path& path) {
    std::string extension = path.extension().string();
    for (char& c : extension) {
        if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    }
    return extension;
}

// The visible entries of one directory.
std::vector<fs::directory_entry> entries_of(const char* operation, const fs::path& directory) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    fs::directory_iterator at(directory, error);
    for (; !error && at != fs::directory_iterator(); at.increment(error)) {
        if (!is_hidden(at->path())) entries.push_back(*at);
    }
    require(!error, operation, "{}: cannot be read as a directory: {}", directory.string(),
            error.message());
    return entries;
}

class Search {
  public:
    explicit Search(const char* operation) : operation_(operation) {}

    void visit(const fs::path& directory, const std::string& prefix) {
        const fs::path real = resolve(directory);
        if (std::find(parents_.begin(), parents_.end(), real) != parents_.end()) return;
        parents_.push_back(real);
        for (const fs::directory_entry& entry : entries_of(operation_, directory)) {
            const std::string name = prefix + entry.path().filename().string();
            std::error_code ignored;  // a dangling link is neither, hence counted as other
            if (entry.is_directory(ignored)) {
                visit(entry.path(), name + "/");
            } else {
                add_file(entry, name);
            }
        }
        parents_.pop_back();
    }

    FoundFiles result() {
        std::sort(found_.images.begin(), found_.images.end());
        std::sort(found_.skipped.begin(), found_.skipped.end(),
                  [](const SkippedFile& a, const SkippedFile& b) { return a.path < b.path; });
        for (const auto& [extension, count] : foreign_) {
            found_.notes.push_back(fmt::format(
                "{} {} file{} left out: this image format is not supported, convert to PNG or JPEG",
                count, extension, count == 1 ? "" : "s"));
        }
        return std::move(found_);
    }

  private:
    fs::path resolve(const fs::path& directory) const {
        std::error_code error;
        fs::path real = fs::canonical(directory, error);
        require(!error, operation_, "{}: cannot be read as a directory: {}", directory.string(),
                error.message());
        return real;
    }

    static std::string why_skipped(const fs::directory_entry& entry, bool foreign) {
        std::error_code ignored;
        if (!entry.exists(ignored)) return "is a link to nothing";
        if (!entry.is_regular_file(ignored)) return "is not a regular file";
        return foreign ? "this image format is not supported, convert to PNG or JPEG"
                       : "is no image: expected .jpg, .jpeg, .png, .bmp, .ppm or .pgm";
    }

    void add_file(const fs::directory_entry& entry, const std::string& name) {
        const std::string extension = lower_extension(entry.path());
        std::error_code ignored;
        if (entry.is_regular_file(ignored) && contains(kImageExtensions, extension)) {
            found_.images.push_back(name);
            return;
        }
        const bool foreign = contains(kForeignExtensions, extension);
        if (foreign) ++foreign_[extension];
        found_.skipped.push_back({entry.path().string(), why_skipped(entry, foreign)});
    }

    const char* operation_;
    std::vector<fs::path> parents_;  // resolved, to notice a link that leads back up
    std::map<std::string, int64_t> foreign_;
    FoundFiles found_;
};

}  // namespace

std::vector<uint8_t> read_file(const char* operation, const std::string& path, int64_t max_bytes) {
    const File file = open_for_reading(operation, path);
    const int64_t bytes = size_of(operation, path);
    require(bytes <= max_bytes, operation, "{}: has {} bytes, at most {} are read", path, bytes,
            max_bytes);
    return read_open_file(operation, path, file.get(), size_t(bytes));
}

std::vector<uint8_t> read_file_start(const char* operation, const std::string& path,
                                     int64_t bytes) {
    const File file = open_for_reading(operation, path);
    return read_open_file(operation, path, file.get(), size_t(bytes));
}

FoundFiles find_images(const char* operation, const std::string& directory) {
    Search search(operation);
    search.visit(directory, "");
    return search.result();
}

std::string join_path(const std::string& directory, const std::string& name) {
    if (name.starts_with('/')) return name;
    return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

std::vector<std::string> list_directories(const char* operation, const std::string& directory) {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : entries_of(operation, directory)) {
        std::error_code ignored;
        if (entry.is_directory(ignored)) names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace sg
