#pragma once

#include "train/eval/line_chart.h"
#include "train/eval/pictures.h"
#include "train/eval/report.h"

namespace sg {

/// The report as one page that needs no other file: findings, tables, sample grids, best and worst
/// cases, the run's curves.
std::string to_html(const EvalReport& report, const std::vector<GroupPictures>& pictures,
                    const std::vector<LineChart>& curves);

}  // namespace sg
