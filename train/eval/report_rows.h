#pragma once

#include "train/eval/report.h"

namespace sg {

/// A table of a report as text, for terminals and pages alike.
struct ReportTable {
    std::string title;
    std::string group;        ///< what it belongs to: a group's name, "" for masks
    std::string explanation;  ///< one or two sentences
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;  ///< as many cells as columns; the first is a name
};

/// All tables, in reading order.
std::vector<ReportTable> report_tables(const EvalReport& report);

}  // namespace sg
