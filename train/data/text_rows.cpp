#include "train/data/text_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/files.h"

namespace sg {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 32;
constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trim(std::string_view text) {
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

void split_at_commas(std::string_view line, std::vector<std::string_view>& fields) {
    for (size_t end = 0; end != std::string_view::npos;) {
        end = line.find(',');
        fields.push_back(trim(line.substr(0, end)));
        if (end != std::string_view::npos) line.remove_prefix(end + 1);
    }
}

void split_at_blanks(std::string_view line, std::vector<std::string_view>& fields) {
    for (size_t begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
        const size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
        fields.push_back(line.substr(begin, end - begin));
        begin = line.find_first_not_of(kBlanks, end);
    }
}

}  // namespace

TextRows::TextRows(const char* operation, std::string path)
    : operation_(operation),
      path_(std::move(path)),
      bytes_(read_file(operation, path_, kMaxBytes)) {
    std::string_view text(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    for (int64_t number = 1; !text.empty(); ++number) {
        const size_t end = std::min(text.find('\n'), text.size());
        if (const std::string_view line = trim(text.substr(0, end)); !line.empty()) {
            lines_.push_back({number, line});
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    require(!lines_.empty(), operation_, "{}: the file is empty", path_);
}

std::optional<int64_t> TextRows::count(size_t row) const {
    return parse_integer(lines_[row].text);
}

void TextRows::choose_separator(size_t row) {
    commas_ = lines_[row].text.find(',') != std::string_view::npos;
}

std::span<const std::string_view> TextRows::fields(size_t row) {
    fields_.clear();
    commas_ ? split_at_commas(lines_[row].text, fields_)
            : split_at_blanks(lines_[row].text, fields_);
    return fields_;
}

void TextRows::fail(size_t row, const std::string& found, const std::string& expected,
                    const std::string& hint) const {
    throw Error(operation_,
                fmt::format("{}:{}: {}, expected {}", path_, number(row), found, expected), hint);
}

void TextRows::check_row(size_t row, size_t values) {
    const auto columns = fields(row);
    if (columns.size() != values + 1) {
        fail(row, fmt::format("{} columns", columns.size()),
             fmt::format("{} (file name and {} value{})", values + 1, values,
                         values == 1 ? "" : "s"),
             "a file name with spaces needs commas between the columns");
    }
    if (columns[0].empty()) fail(row, "column 1 is empty", "a file name");
    const auto [first, is_new] = line_of_.emplace(columns[0], number(row));
    if (is_new) return;
    fail(row, fmt::format("'{}' is listed before, on line {}", columns[0], first->second),
         "every file once");
}

std::optional<int64_t> parse_integer(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace sg
