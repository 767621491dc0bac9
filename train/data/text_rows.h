#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sg {

/// A text file of lines with columns, as CelebA's lists are: columns are separated by blanks, or by
/// commas as in Kaggle's copies. Blank lines are left out; CRLF and a byte order mark are
/// tolerated.
class TextRows {
  public:
    /// Reads the file. Throws Error(operation) if that fails or there is no line.
    TextRows(const char* operation, std::string path);
    TextRows(const TextRows&) = delete;
    TextRows& operator=(const TextRows&) = delete;

    const std::string& path() const { return path_; }
    size_t size() const { return lines_.size(); }
    int64_t number(size_t row) const { return lines_[row].number; }  ///< of its line, from 1
    /// The number that is all of a line, as CelebA's lists begin.
    std::optional<int64_t> count(size_t row) const;
    /// Separates columns by commas if the line has one, else by blanks; for all lines from now on.
    void choose_separator(size_t row);
    /// The trimmed columns of a line, valid until the next call.
    std::span<const std::string_view> fields(size_t row);

    /// Throws Error "path:line: FOUND, expected EXPECTED".
    [[noreturn]] void fail(size_t row, const std::string& found, const std::string& expected,
                           const std::string& hint = {}) const;
    /// Fails unless the line has `values` columns after the file name, which is not empty and on no
    /// line before.
    void check_row(size_t row, size_t values);

  private:
    struct Line {
        int64_t number = 0;
        std::string_view text;
    };

    const char* operation_;
    std::string path_;
    std::vector<uint8_t> bytes_;
    std::vector<Line> lines_;
    bool commas_ = false;
    std::vector<std::string_view> fields_;
    std::unordered_map<std::string_view, int64_t> line_of_;
};

/// The integer that is all of `text`.
std::optional<int64_t> parse_integer(std::string_view text);

}  // namespace sg
