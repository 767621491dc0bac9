#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sg {

/// Rows of comma-separated values as RFC 4180 has them: a field in double quotes may hold commas,
/// line breaks and, doubled, quotes. LF and CRLF, a byte order mark and blank lines are tolerated;
/// blanks around a field without quotes do not belong to it. Bytes beyond ASCII stay as they are:
/// names of files may have any encoding.
class CsvReader {
  public:
    /// Reads the file. Throws Error(operation) if that fails or it holds a zero byte, as UTF-16 and
    /// the formats of spreadsheets do.
    CsvReader(const char* operation, std::string path);

    /// Moves on to the next row; false if there is none. Throws Error naming path:line and column
    /// for quotes that do not belong.
    bool next();
    const std::vector<std::string>& fields() const { return fields_; }
    int64_t line() const { return line_; }  ///< where the row begins, from 1
    const std::string& path() const { return path_; }

    /// Throws Error "path:line: FOUND, expected EXPECTED" for the current row.
    [[noreturn]] void fail(const std::string& found, const std::string& expected,
                           const std::string& hint = {}) const;

  private:
    void read_field();
    void read_quoted(std::string& field);
    bool at_end_of_row() const;

    const char* operation_;
    std::string path_, text_;
    size_t at_ = 0;
    int64_t line_ = 0, next_line_ = 1;
    std::vector<std::string> fields_;
};

}  // namespace sg
