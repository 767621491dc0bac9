#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace sg {

struct Series {
    std::string name;
    std::vector<std::pair<double, double>> points;  ///< (x, y), x rising
};
struct LineChart {
    std::string title;
    std::vector<Series> series;
};

/// An inline SVG element: lines, axes with round numbers, a legend in its caption. Colours are the
/// page's (html.h). Values that are not finite interrupt a line.
std::string chart_html(const LineChart& chart, const std::string& x_name);

/// Round numbers that divide [low, high], about `count` of them.
std::vector<double> axis_ticks(double low, double high, int count);

/// Losses and accuracies of a run from its metrics.jsonl, averaged to at most `points` per line;
/// with several data sets ("data" in the lines) charts for each. Empty if there is no file; lines
/// that are no JSON are passed over.
std::vector<LineChart> read_curves(const std::filesystem::path& metrics, int points = 300);

}  // namespace sg
