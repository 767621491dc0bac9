// The report for a terminal.
#include <algorithm>
#include <cmath>

#include "kernels/common/error.h"
#include "train/eval/report_rows.h"

namespace sg {

namespace {

/// Characters, as far as they are one column wide each: bytes that begin one.
size_t width_of(const std::string& text) {
    return size_t(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, bool left) {
    const std::string space(width - std::min(width, width_of(text)), ' ');
    return left ? text + space : space + text;
}

std::string lines_of(const ReportTable& table) {
    std::vector<size_t> widths;
    for (const std::string& name : table.columns) widths.push_back(width_of(name));
    for (const auto& row : table.rows)
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    const auto line = [&](const std::vector<std::string>& cells) {
        std::string text;
        for (size_t i = 0; i < cells.size(); ++i)
            text += (i > 0 ? "  " : "") + padded(cells[i], widths[i], i == 0);
        return text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
    };
    std::string text = fmt::format("\n{}\n", table.title) + line(table.columns);
    for (const auto& row : table.rows) text += line(row);
    return text;
}

}  // namespace

std::string to_table(const EvalReport& report) {
    std::string text = fmt::format(
        "{} (iteration {}, {} x {}; {} generator{}, {:.2f} M parameters)\n", report.checkpoint,
        report.iteration, report.height, report.width, report.generators,
        report.generators == 1 ? "" : "s", double(report.parameters) / 1e6);
    for (const ReportTable& table : report_tables(report)) text += lines_of(table);
    if (!report.findings.empty()) text += "\n";
    for (const std::string& finding : report.findings) text += fmt::format("!!! {}\n", finding);
    for (const std::string& note : report.notes) text += fmt::format("note: {}\n", note);
    return text;
}

}  // namespace sg
