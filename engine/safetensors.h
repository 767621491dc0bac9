#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace sg {

/// The safetensors format: 8 bytes header length (little endian), a JSON header, raw tensors.
/// https://huggingface.co/docs/safetensors

/// One tensor of an open file.
struct SafetensorsEntry {
    std::string dtype;            ///< "F32", "BF16", "F16" or "F64"
    Shape shape;                  ///< may be [] (a scalar)
    uint64_t begin = 0, end = 0;  ///< byte range in the data section
};

/// Read access to a file whose header has been checked completely: known types, sizes that match
/// shapes, offsets that neither overlap nor leave holes, a file of exactly the stated length.
class SafetensorsReader {
  public:
    /// Throws Error("safetensors", "PATH: reason") on anything malformed.
    explicit SafetensorsReader(const std::filesystem::path& path);

    const std::map<std::string, std::string>& metadata() const { return metadata_; }
    const std::map<std::string, SafetensorsEntry>& entries() const { return entries_; }
    bool contains(const std::string& name) const { return entries_.contains(name); }
    /// Throws Error naming the tensor and the file if it is not there.
    const SafetensorsEntry& entry(const std::string& name) const;
    /// The values in file order, converted exactly (f32 from F64 rounds).
    std::vector<float> read_f32(const std::string& name) const;
    std::vector<double> read_f64(const std::string& name) const;
    /// Hash of the whole data section, as `data_hash` of a writer.
    uint64_t data_hash() const;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::string read_bytes(uint64_t begin, uint64_t end) const;
    void parse_header(const std::string& text);
    void check_coverage() const;

    std::filesystem::path path_;
    uint64_t data_start_ = 0, data_bytes_ = 0;
    std::map<std::string, std::string> metadata_;
    std::map<std::string, SafetensorsEntry> entries_;
};

/// The same hash of a text, going on from `start`.
uint64_t hash_text(const std::string& text, uint64_t start);

/// A file in the making: F32 tensors in the order of add().
class SafetensorsWriter {
  public:
    void add(const std::string& name, const Shape& shape, std::vector<float> values);
    /// FNV-1a over the data section's 64-bit words, with the high half folded into the low one
    /// after each.
    uint64_t data_hash() const;
    /// Writes to PATH.tmp, flushes to the disk, renames to PATH: a crash or a full disk at any
    /// moment leaves either the old file or the new one. Throws Error with the system's reason,
    /// after removing the temporary file.
    void write(const std::filesystem::path& path,
               const std::map<std::string, std::string>& metadata) const;

  private:
    struct Item {
        std::string name;
        Shape shape;
        std::vector<float> values;
    };
    std::vector<Item> items_;
};

}  // namespace sg
