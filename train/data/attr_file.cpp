#include "train/data/attr_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "kernels/common/error.h"
#include "train/data/files.h"

namespace sg {
namespace {

constexpr const char* kOperation = "attribute file";
constexpr int64_t kMaxBytes = int64_t{1} << 32;
constexpr std::string_view kBlanks = " \t\r\v\f";

struct Line {
    int64_t number = 0;  // 1-based
    std::string_view text;
};

std::string_view trim(std::string_view text) {
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<Line> split_lines(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::vector<Line> lines;
    for (int64_t number = 1; !text.empty(); ++number) {
        const size_t end = std::min(text.find('\n'), text.size());
        if (const std::string_view line = trim(text.substr(0, end)); !line.empty()) {
            lines.push_back({number, line});
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

void split_fields(std::string_view line, bool commas, std::vector<std::string_view>& fields) {
    fields.clear();
    if (commas) {
        for (size_t end = 0; end != std::string_view::npos;) {
            end = line.find(',');
            fields.push_back(trim(line.substr(0, end)));
            if (end != std::string_view::npos) line.remove_prefix(end + 1);
        }
        return;
    }
    for (size_t begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
        const size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
        fields.push_back(line.substr(begin, end - begin));
        begin = line.find_first_not_of(kBlanks, end);
    }
}

std::optional<int64_t> parse_count(std::string_view text) {
    int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return count;
}

class Parser {
  public:
    Parser(const std::string& path, std::string_view text)
        : path_(path), lines_(split_lines(text)) {}

    AttrTable parse() {
        if (lines_.empty()) throw Error(kOperation, fmt::format("{}: the file is empty", path_));
        const std::optional<int64_t> count = parse_count(lines_[0].text);
        size_t at = count ? 1 : 0;
        if (at == lines_.size()) fail(lines_[0], "is the last line", "a line of attribute names");
        if (!count) note("has no count line: the names are on its first line");
        parse_names(at++);
        table_.files.reserve(lines_.size() - at);
        table_.values.reserve((lines_.size() - at) * table_.names.size());
        for (; at < lines_.size(); ++at) parse_row(lines_[at]);
        const auto rows = int64_t(table_.files.size());
        if (rows == 0) throw Error(kOperation, fmt::format("{}: has no row", path_));
        if (count && *count != rows) {
            note(fmt::format("line {} says {} rows, {} found", lines_[0].number, *count, rows));
        }
        return std::move(table_);
    }

  private:
    [[noreturn]] void fail(const Line& line, const std::string& found, const std::string& expected,
                           const std::string& hint = {}) const {
        throw Error(kOperation,
                    fmt::format("{}:{}: {}, expected {}", path_, line.number, found, expected),
                    hint);
    }

    void note(const std::string& text) { table_.notes.push_back(path_ + " " + text); }

    size_t fields_in(size_t line) {
        split_fields(lines_[line].text, commas_, fields_);
        return fields_.size();
    }

    void parse_names(size_t at) {
        commas_ = lines_[at].text.find(',') != std::string_view::npos;
        // Names as wide as the first two rows must have a heading over the file column. One row
        // alone could just lack a value.
        const size_t width = fields_in(at);
        const bool headed = at + 1 < lines_.size() && fields_in(at + 1) == width &&
                            (at + 2 == lines_.size() || fields_in(at + 2) == width);
        fields_in(at);
        if (headed) note(fmt::format("has the heading '{}' over the file column", fields_[0]));
        std::unordered_set<std::string_view> seen;
        for (size_t i = headed ? 1 : 0; i < width; ++i) {
            if (fields_[i].empty()) fail(lines_[at], "an attribute has no name", "a name");
            if (!seen.insert(fields_[i]).second) {
                fail(lines_[at], fmt::format("'{}' occurs twice", fields_[i]), "distinct names");
            }
            table_.names.emplace_back(fields_[i]);
        }
        if (table_.names.empty()) fail(lines_[at], "no attribute name", "at least one");
    }

    void parse_row(const Line& line) {
        split_fields(line.text, commas_, fields_);
        const size_t attributes = table_.names.size();
        if (fields_.size() != attributes + 1) {
            fail(line, fmt::format("{} columns", fields_.size()),
                 fmt::format("{} (file name and {} values)", attributes + 1, attributes),
                 "a file name with spaces needs commas between the columns");
        }
        std::string file(fields_[0]);
        if (file.empty()) fail(line, "column 1 is empty", "a file name");
        const auto [first, is_new] = line_of_.emplace(file, line.number);
        if (!is_new) {
            fail(line, fmt::format("'{}' is listed before, on line {}", file, first->second),
                 "every file once");
        }
        table_.files.push_back(std::move(file));
        for (size_t i = 0; i < attributes; ++i) table_.values.push_back(parse_value(line, i));
    }

    uint8_t parse_value(const Line& line, size_t attribute) const {
        const std::string_view text = fields_[attribute + 1];
        if (text == "1") return 1;
        if (text == "-1" || text == "0") return 0;
        fail(line,
             fmt::format("column {} ({}) is '{}'", attribute + 2, table_.names[attribute], text),
             "1, -1 or 0");
    }

    const std::string& path_;
    std::vector<Line> lines_;
    bool commas_ = false;
    std::vector<std::string_view> fields_;
    std::unordered_map<std::string, int64_t> line_of_;
    AttrTable table_;
};

}  // namespace

AttrTable read_attr_file(const std::string& path) {
    const std::vector<uint8_t> bytes = read_file(kOperation, path, kMaxBytes);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    return Parser(path, {text, bytes.size()}).parse();
}

}  // namespace sg
