#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sg {

/// A CelebA attribute file (list_attr_celeba.txt).
struct AttrTable {
    std::vector<std::string> names;  ///< attributes, in column order
    std::vector<std::string> files;  ///< one per row, in row order, each once
    std::vector<uint8_t> values;     ///< files.size() x names.size(), 0/1
    std::vector<std::string> notes;  ///< what was tolerated, one line each
};

/// Line 1 is the row count, line 2 the names, then `file v1 .. vN` with values 1, and -1 or 0.
/// Tolerated: a missing or wrong count line, an extra heading over the file column (`image_id`),
/// commas instead of spaces (Kaggle's CSV), CRLF, blank lines, a byte order mark. Throws Error
/// naming path:line, what was found and what was expected. File names with spaces need commas.
AttrTable read_attr_file(const std::string& path);

/// 1 for "1", 0 for "-1" or "0".
std::optional<uint8_t> parse_attribute(std::string_view text);

}  // namespace sg
