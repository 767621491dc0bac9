#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sg {

/// The bytes of a regular file. Throws Error(operation) naming the path and the reason: missing, no
/// regular file, no permission, or longer than `max_bytes`.
std::vector<uint8_t> read_file(const char* operation, const std::string& path, int64_t max_bytes);

/// The first `bytes` bytes of a regular file (fewer if it is shorter). Throws as read_file.
std::vector<uint8_t> read_file_start(const char* operation, const std::string& path, int64_t bytes);

/// A file, or a row of a table, that a data set leaves out.
struct SkippedFile {
    std::string path;
    std::string reason;
    bool on_purpose = false;  ///< of a part, class or angle that was not asked for: no fault
};

/// Image files below a directory, by their extension (case-insensitive; not opened).
struct FoundFiles {
    std::vector<std::string> images;  ///< relative to the directory, '/' between parts, sorted
    /// Files that are no images, or of a kind we do not decode; with full path, sorted.
    std::vector<SkippedFile> skipped;
    std::vector<std::string> notes;  ///< one line for every unsupported image extension met
};

/// Searches `directory` and all below it. Hidden names are ignored, symbolic links are followed,
/// one that leads back to a parent is not. Throws Error(operation) naming a directory that is
/// missing or cannot be read.
FoundFiles find_images(const char* operation, const std::string& directory);

/// Appends `name` to a directory, with one '/' between; an absolute name stays as it is.
std::string join_path(const std::string& directory, const std::string& name);

/// Names of the sub-directories (links to directories included, hidden ones not), sorted.
std::vector<std::string> list_directories(const char* operation, const std::string& directory);

}  // namespace sg
