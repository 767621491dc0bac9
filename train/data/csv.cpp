#include "train/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <unordered_map>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/attr_file.h"
#include "train/data/csv_reader.h"
#include "train/data/text_rows.h"

namespace sg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOperation = "csv";

class Reader {
  public:
    explicit Reader(const CsvOptions& options)
        : options_(options), rows_(kOperation, options.path) {
        list_.root = fs::absolute(options.path).parent_path().string();
        list_.crop = options.crop;
        list_.group.name = options.name;
        list_.summary.source = "csv " + options.path;
    }

    FileList list() {
        read_header();
        while (rows_.next()) read_row();
        require(!names_.empty(), kOperation, "{}: has no row", options_.path);
        list_.group.kind = options_.kind.value_or(kind_of_values());
        list_.group.kind == LabelKind::one_hot ? set_classes() : set_attributes();
        list_.names = names_;
        drop_missing();
        drop_validation();
        return std::move(list_);
    }

  private:
    void read_header() {
        require(rows_.next(), kOperation, "{}: the file is empty", options_.path);
        const auto& header = rows_.fields();
        if (header[0] != "file") {
            rows_.fail(fmt::format("column 1 is '{:.40}'", header[0]), "the header file,label...",
                       "the first line names the columns, separated by commas");
        }
        std::set<std::string> seen;
        for (size_t i = 0; i < header.size(); ++i) {
            if (header[i].empty()) rows_.fail(fmt::format("column {} has no name", i + 1), "one");
            if (!seen.insert(header[i]).second)
                rows_.fail(fmt::format("column '{}' occurs twice", header[i]), "distinct names");
            if (i > 0 && header[i] == "split") {
                split_column_ = i;
            } else if (i > 0) {
                labels_.push_back(header[i]);
            }
        }
        if (labels_.empty()) rows_.fail("there is no label column", "the header file,label...");
        columns_ = header.size();
    }

    void read_row() {
        const auto& fields = rows_.fields();
        if (fields.size() != columns_) {
            rows_.fail(fmt::format("{} columns", fields.size()),
                       fmt::format("{} as in the header", columns_),
                       "a field with a comma in it needs quotes");
        }
        if (fields[0].empty()) rows_.fail("column 1 (file) is empty", "a path");
        const std::string path = fs::path(fields[0]).lexically_normal().string();
        const auto [first, is_new] = line_of_.emplace(path, rows_.line());
        lines_.push_back(rows_.line());
        if (!is_new) {
            rows_.fail(fmt::format("'{}' is listed before, on line {}", path, first->second),
                       "every file once");
        }
        names_.push_back(path);
        for (size_t i = 1; i < columns_; ++i)
            i == split_column_ ? add_split(fields[i]) : add_value(fields[i]);
    }

    void add_value(const std::string& text) {
        const auto [found, is_new] = index_of_.emplace(text, uint32_t(texts_.size()));
        if (is_new) {
            texts_.push_back(text);
            first_.push_back(values_.size());
        }
        values_.push_back(found->second);
    }

    void add_split(const std::string& part) {
        if (part != "train" && part != "val" && part != "test") {
            rows_.fail(fmt::format("column {} (split) is '{}'", split_column_ + 1, part),
                       "train, val or test");
        }
        list_.held_out.push_back(part == "test");
        validation_.push_back(part == "val");
    }

    int64_t line_of(size_t value) const { return lines_[value / labels_.size()]; }

    [[noreturn]] void fail(size_t value, const std::string& expected) const {
        const size_t label = value % labels_.size();
        // Where the column is in the table, behind the file and maybe the split.
        const size_t column = label + 2 + (split_column_ > 0 && label + 1 >= split_column_);
        throw Error(kOperation, fmt::format("{}:{}: column {} ({}) is '{}', expected {}",
                                            options_.path, line_of(value), column, labels_[label],
                                            texts_[values_[value]], expected));
    }

    LabelKind kind_of_values() const {
        if (labels_.size() > 1) return LabelKind::multi_label;
        std::optional<size_t> attribute, other, word;  // texts
        bool minus = false, number = false;            // "number": one that is no attribute
        for (size_t i = 0; i < texts_.size(); ++i) {
            minus = minus || texts_[i] == "-1";
            if (parse_attribute(texts_[i])) {
                attribute = attribute.value_or(i);
                continue;
            }
            other = other.value_or(i);
            if (parse_integer(texts_[i])) {
                number = true;
            } else if (!texts_[i].empty()) {
                word = word.value_or(i);
            }
        }
        if (!other) return LabelKind::multi_label;
        // Numbers may be classes. But words and numbers in one column, or a -1 and a 2, are a
        // mistake in one of them, and so is an empty field among nothing but attributes.
        if (attribute && (word || minus || !number)) {
            fail(first_[word.value_or(*other)],
                 fmt::format("1, -1 or 0 as on line {}, or classes on all lines",
                             line_of(first_[*attribute])));
        }
        return LabelKind::one_hot;
    }

    void set_attributes() {
        list_.group.names = labels_;
        std::vector<uint8_t> bits;
        for (size_t i = 0; i < texts_.size(); ++i) {
            const auto bit = parse_attribute(texts_[i]);
            if (!bit) fail(first_[i], "1, -1 or 0");
            bits.push_back(*bit);
        }
        for (const uint32_t value : values_) list_.labels.push_back(bits[value]);
    }

    void set_classes() {
        require(labels_.size() == 1, kOperation,
                "{}: has {} label columns, expected one of classes", options_.path, labels_.size());
        for (size_t i = 0; i < texts_.size(); ++i)
            if (texts_[i].empty()) fail(first_[i], "the name of a class");
        list_.group.names = texts_;
        std::sort(list_.group.names.begin(), list_.group.names.end());
        for (const uint32_t value : values_)
            for (const std::string& name : list_.group.names)
                list_.labels.push_back(name == texts_[value]);
    }

    void drop_missing() {
        std::vector<uint8_t> there;
        for (size_t i = 0; i < list_.names.size(); ++i) {
            const std::string path = item_path(list_, i);
            std::error_code error;
            const fs::file_status status = fs::status(path, error);
            there.push_back(fs::is_regular_file(status));
            if (there.back()) continue;
            ++list_.summary.rows_without_image;
            const std::string why = fs::exists(status) ? "is not a regular file" : "is not there";
            list_.summary.skipped.push_back({path, fmt::format("{} (line {})", why, lines_[i])});
        }
        if (list_.summary.rows_without_image == int64_t(list_.names.size())) {
            throw Error(kOperation,
                        fmt::format("{}: no row names an image; the first is {}", options_.path,
                                    item_path(list_, 0)),
                        "paths are absolute or relative to the folder of the table");
        }
        keep_items(list_, there);
        size_t kept = 0;  // of the marks beside the list
        for (size_t i = 0; i < validation_.size(); ++i)
            if (there[i]) validation_[kept++] = validation_[i];
        validation_.resize(kept);
    }

    void drop_validation() {
        if (split_column_ == 0) return;
        if (!options_.heed_split) {
            list_.held_out.clear();
            list_.summary.notes.push_back("the column split of " + options_.path + " is not used");
            return;
        }
        std::vector<uint8_t> used;
        for (size_t i = 0; i < list_.names.size(); ++i) {
            used.push_back(!validation_[i]);
            if (used.back()) continue;
            ++list_.summary.unused_part;
            list_.summary.skipped.push_back(
                {item_path(list_, i), "is for validation, not used", true});
        }
        keep_items(list_, used);
        if (std::count(list_.held_out.begin(), list_.held_out.end(), 1) == 0)
            list_.summary.notes.push_back("no row has split = test");
    }

    const CsvOptions& options_;
    CsvReader rows_;
    size_t columns_ = 0, split_column_ = 0;  // 0: none, there is the file
    std::vector<std::string> labels_;        // label columns
    std::vector<std::string> names_;
    std::vector<int64_t> lines_;    // of the rows
    std::vector<uint32_t> values_;  // index of its text, a row's label columns back to back
    std::vector<std::string> texts_;
    std::vector<size_t> first_;  // the first value with this text
    std::unordered_map<std::string, uint32_t> index_of_;
    std::vector<uint8_t> validation_;
    std::unordered_map<std::string, int64_t> line_of_;
    FileList list_;
};

}  // namespace

FileList list_csv(const CsvOptions& options) {
    return Reader(options).list();
}

}  // namespace sg
