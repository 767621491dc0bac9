#include "train/data/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/files.h"

namespace sg {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 32;
constexpr const char* kBlanks = " \t";

}  // namespace

CsvReader::CsvReader(const char* operation, std::string path)
    : operation_(operation), path_(std::move(path)) {
    const std::vector<uint8_t> bytes = read_file(operation, path_, kMaxBytes);
    text_.assign(bytes.begin(), bytes.end());
    if (text_.starts_with("\xEF\xBB\xBF")) text_.erase(0, 3);
    if (text_.find('\0') == std::string::npos) return;
    throw Error(operation_, path_ + ": is no text, expected comma-separated values in UTF-8",
                "of a spreadsheet's formats choose CSV UTF-8");
}

void CsvReader::fail(const std::string& found, const std::string& expected,
                     const std::string& hint) const {
    throw Error(operation_, fmt::format("{}:{}: {}, expected {}", path_, line_, found, expected),
                hint);
}

bool CsvReader::at_end_of_row() const {
    return at_ == text_.size() || text_[at_] == '\n' || text_.compare(at_, 2, "\r\n") == 0;
}

bool CsvReader::next() {
    while (true) {
        if (at_ == text_.size()) return false;
        line_ = next_line_;
        fields_.clear();
        for (bool more = true; more;) {
            read_field();
            more = at_ < text_.size() && text_[at_] == ',';
            at_ += more;
        }
        if (at_ < text_.size()) {  // the end of the row
            at_ += text_[at_] == '\r' ? 2 : 1;
            ++next_line_;
        }
        if (fields_.size() > 1 || !fields_[0].empty()) return true;
    }
}

// Ends at a comma or at the end of the row.
void CsvReader::read_field() {
    at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
    std::string& field = fields_.emplace_back();
    if (at_ < text_.size() && text_[at_] == '"') return read_quoted(field);
    for (; !at_end_of_row() && text_[at_] != ','; ++at_) {
        if (text_[at_] == '"')
            fail(fmt::format("column {} has a quote inside", fields_.size()),
                 "the whole field in quotes, and quotes in it doubled");
        field += text_[at_];
    }
    field.erase(field.find_last_not_of(kBlanks) + 1);
}

void CsvReader::read_quoted(std::string& field) {
    for (++at_; at_ < text_.size(); ++at_) {
        const bool quote = text_[at_] == '"';
        if (quote && text_.compare(at_, 2, "\"\"") != 0) break;
        at_ += quote;
        next_line_ += text_[at_] == '\n';
        field += text_[at_];
    }
    if (at_ == text_.size())
        fail(fmt::format("the quotes of column {} do not end", fields_.size()), "a closing quote");
    at_ = std::min(text_.find_first_not_of(kBlanks, at_ + 1), text_.size());
    if (!at_end_of_row() && text_[at_] != ',')
        fail(fmt::format("column {} goes on after its closing quote", fields_.size()),
             "a comma or the end of the line");
}

}  // namespace sg
