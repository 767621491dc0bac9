#include "train/data/attr_file.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <unordered_set>

#include "kernels/common/error.h"
#include "train/data/text_rows.h"

namespace sg {
namespace {

class Parser {
  public:
    explicit Parser(const std::string& path) : rows_("attribute file", path) {}

    AttrTable parse() {
        const std::optional<int64_t> count = rows_.count(0);
        size_t at = count ? 1 : 0;
        if (at == rows_.size()) rows_.fail(0, "is the last line", "a line of attribute names");
        if (!count) note("has no count line: the names are on its first line");
        parse_names(at++);
        table_.files.reserve(rows_.size() - at);
        table_.values.reserve((rows_.size() - at) * table_.names.size());
        for (; at < rows_.size(); ++at) parse_row(at);
        const auto rows = int64_t(table_.files.size());
        require(rows > 0, "attribute file", "{}: has no row", rows_.path());
        if (count && *count != rows) {
            note(fmt::format("line {} says {} rows, {} found", rows_.number(0), *count, rows));
        }
        return std::move(table_);
    }

  private:
    void note(const std::string& text) { table_.notes.push_back(rows_.path() + " " + text); }

    void parse_names(size_t at) {
        rows_.choose_separator(at);
        // Names as wide as the first two rows must have a heading over the file column. One row
        // alone could just lack a value.
        const size_t width = rows_.fields(at).size();
        const bool headed = at + 1 < rows_.size() && rows_.fields(at + 1).size() == width &&
                            (at + 2 == rows_.size() || rows_.fields(at + 2).size() == width);
        const auto fields = rows_.fields(at);
        if (headed) note(fmt::format("has the heading '{}' over the file column", fields[0]));
        std::unordered_set<std::string_view> seen;
        for (size_t i = headed ? 1 : 0; i < width; ++i) {
            if (fields[i].empty()) rows_.fail(at, "an attribute has no name", "a name");
            if (!seen.insert(fields[i]).second) {
                rows_.fail(at, fmt::format("'{}' occurs twice", fields[i]), "distinct names");
            }
            table_.names.emplace_back(fields[i]);
        }
        if (table_.names.empty()) rows_.fail(at, "no attribute name", "at least one");
    }

    void parse_row(size_t row) {
        rows_.check_row(row, table_.names.size());
        const auto fields = rows_.fields(row);
        table_.files.emplace_back(fields[0]);
        for (size_t i = 1; i < fields.size(); ++i) {
            const std::optional<uint8_t> value = parse_attribute(fields[i]);
            if (!value) {
                rows_.fail(
                    row,
                    fmt::format("column {} ({}) is '{}'", i + 1, table_.names[i - 1], fields[i]),
                    "1, -1 or 0");
            }
            table_.values.push_back(*value);
        }
    }

    TextRows rows_;
    AttrTable table_;
};

}  // namespace

AttrTable read_attr_file(const std::string& path) {
    return Parser(path).parse();
}

std::optional<uint8_t> parse_attribute(std::string_view text) {
    if (text == "1") return uint8_t{1};
    if (text == "-1" || text == "0") return uint8_t{0};
    return std::nullopt;
}

}  // namespace sg
