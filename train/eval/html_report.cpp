#include "train/eval/html_report.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "kernels/common/error.h"
#include "train/eval/html.h"
#include "train/eval/report_rows.h"

namespace sg {

namespace {

std::string cell(const char* tag, const std::string& text) {
    return fmt::format("<{0}>{1}</{0}>", tag, escape_html(text));
}

std::string row_header(const std::string& text) {
    return fmt::format("<th scope=\"row\">{}</th>", escape_html(text));
}

std::string column_headers(const std::vector<std::string>& names) {
    std::string text = "<thead><tr>";
    for (const std::string& name : names)
        text += fmt::format("<th scope=\"col\">{}</th>", escape_html(name));
    return text + "</tr></thead>\n";
}

std::string html_of(const ReportTable& table) {
    std::string text = cell("h3", table.title) + "\n";
    text += fmt::format("<p class=\"soft\">{}</p>\n<div class=\"scroll\"><table class=\"numbers\">",
                        escape_html(table.explanation));
    text += column_headers(table.columns) + "<tbody>\n";
    for (const auto& row : table.rows) {
        text += "<tr>";
        for (size_t i = 0; i < row.size(); ++i)
            text += i == 0 ? row_header(row[i]) : cell("td", row[i]);
        text += "</tr>\n";
    }
    return text + "</tbody></table></div>\n";
}

std::string grid_html(const GroupPictures& pictures) {
    std::vector<std::string> columns = {"input"};
    columns.insert(columns.end(), pictures.targets.begin(), pictures.targets.end());
    std::string text = cell("h3", pictures.group + ": held-out images in all translations");
    text += "\n<div class=\"scroll\"><table class=\"pictures\">" + column_headers(columns);
    text += "<tbody>\n";
    for (const PictureRow& row : pictures.grid) {
        text += "<tr><td>" + picture_html(row.input, row.item) + "</td>";
        for (size_t i = 0; i < row.outputs.size(); ++i)
            text += "<td>" + picture_html(row.outputs[i], row.item + ", " + pictures.targets[i]) +
                    "</td>";
        text += "</tr>\n";
    }
    return text + "</tbody></table></div>\n";
}

std::string case_html(const PictureCase& one) {
    std::string text = fmt::format("<figure class=\"case{}\"><div>", one.best ? " best" : "");
    text += picture_html(one.input, "input") + picture_html(one.output, one.target);
    if (one.truth) text += picture_html(*one.truth, "the true picture");
    return text + fmt::format("</div><figcaption>{}: {}, {}</figcaption></figure>\n",
                              one.best ? "best" : "worst", escape_html(one.item),
                              escape_html(one.score));
}

std::string cases_html(const GroupPictures& pictures) {
    const bool truth = std::any_of(pictures.cases.begin(), pictures.cases.end(),
                                   [](const PictureCase& one) { return one.truth.has_value(); });
    std::string text = cell("h3", pictures.group + ": best and worst") + "\n";
    text += fmt::format("<p class=\"soft\">Input, translation{}.</p>\n",
                        truth ? ", true picture; by the error against the truth"
                              : "; by the probability that the classifier gives the target");
    for (const std::string& target : pictures.targets) {
        std::string figures;
        for (const PictureCase& one : pictures.cases)
            if (one.target == target) figures += case_html(one);
        if (figures.empty()) continue;
        text += cell("h4", target) + "\n<div class=\"cases\">\n" + figures + "</div>\n";
    }
    return text;
}

std::string introduction(const EvalReport& report) {
    std::string text = "<h1>StarGAN evaluation</h1>\n";
    text +=
        fmt::format("<p>Checkpoint {}, iteration {}, images of {} x {} pixels.</p>\n",
                    escape_html(report.checkpoint), report.iteration, report.height, report.width);
    for (const GroupReport& group : report.groups)
        text += cell("p", fmt::format("{}: {}; {} of {} held-out images, translated to {}.",
                                      group.labels.name, group.source, group.images, group.held_out,
                                      fmt::join(group.labels.names, ", "))) +
                "\n";
    for (const std::string& finding : report.findings)
        text += fmt::format("<p class=\"finding\">{}</p>\n", escape_html(finding));
    for (const std::string& note : report.notes)
        text += fmt::format("<p class=\"soft\">Note: {}</p>\n", escape_html(note));
    return text;
}

}  // namespace

std::string to_html(const EvalReport& report, const std::vector<GroupPictures>& pictures,
                    const std::vector<LineChart>& curves) {
    const auto tables = report_tables(report);
    const auto tables_of = [&](const std::string& group) {
        std::string text;
        for (const ReportTable& table : tables)
            if (table.group == group) text += html_of(table);
        return text;
    };
    std::string body = introduction(report);
    for (const GroupPictures& group : pictures) {
        body += cell("h2", group.group) + "\n" + grid_html(group);
        body += tables_of(group.group) + cases_html(group);
    }
    if (!report.masks.empty()) body += "<h2>Labels of another data set</h2>\n" + tables_of("");
    if (!curves.empty()) {
        body += "<h2>The run</h2>\n<div class=\"charts\">\n";
        for (const LineChart& chart : curves) body += chart_html(chart, "iteration");
        body += "</div>\n";
    }
    return page_html(fmt::format("StarGAN evaluation: {}", report.checkpoint), body);
}

}  // namespace sg
