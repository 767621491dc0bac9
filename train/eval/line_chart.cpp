#include "train/eval/line_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/common/error.h"
#include "train/eval/html.h"

namespace sg {

namespace {

// Of the drawing, in pixels.
constexpr double kWidth = 640, kHeight = 260, kLeft = 58, kRight = 12, kTop = 12, kBottom = 40;

struct Range {
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();

    void add(double value) {
        if (!std::isfinite(value)) return;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    bool empty() const { return low > high; }
    void widen() {
        const double size = std::max(1.0, std::max(std::abs(low), std::abs(high)));
        const double margin = high - low > 1e-9 * size ? 0.04 * (high - low) : 0.1 * size;
        low -= margin;
        high += margin;
    }
};

class Frame {
  public:
    Frame(Range x, Range y) : x_(x), y_(y) {}
    double x(double value) const {
        return kLeft + (value - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
    }
    double y(double value) const {
        return kHeight - kBottom -
               (value - y_.low) / (y_.high - y_.low) * (kHeight - kTop - kBottom);
    }

    std::string axes(const std::string& x_name) const {
        std::string text;
        for (const double tick : axis_ticks(y_.low, y_.high, 5))
            text += fmt::format(
                "<line class=\"rule\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
                "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.6g}</text>\n",
                kLeft, kWidth - kRight, y(tick), y(tick), kLeft - 6, y(tick) + 4, tick);
        for (const double tick : axis_ticks(x_.low, x_.high, 6))
            text += fmt::format(
                "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>"
                "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.8g}</text>\n",
                x(tick), x(tick), kHeight - kBottom, kHeight - kBottom + 4, x(tick),
                kHeight - kBottom + 17, tick);
        text += fmt::format("<path class=\"axis\" d=\"M{} {}V{}H{}\"/>\n", kLeft, kTop,
                            kHeight - kBottom, kWidth - kRight);
        return text + fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                                  (kLeft + kWidth - kRight) / 2, kHeight - 5, escape_html(x_name));
    }

    std::string line(const Series& series, size_t number) const {
        std::string path;
        bool drawing = false;
        for (const auto& [at, value] : series.points) {
            const bool there = std::isfinite(at) && std::isfinite(value);
            if (there) path += fmt::format("{}{:.1f} {:.1f}", drawing ? 'L' : 'M', x(at), y(value));
            drawing = there;
        }
        if (path.empty()) return {};
        return fmt::format("<path class=\"line c{}\" d=\"{}\"/>\n", number % kChartColours, path);
    }

  private:
    Range x_, y_;
};

}  // namespace

std::vector<double> axis_ticks(double low, double high, int count) {
    std::vector<double> ticks;
    const double rough = (high - low) / count;
    // Below that n * step could not be told from (n + 1) * step.
    const double least = 1e-12 * std::max(std::abs(low), std::abs(high));
    if (!(rough > least) || !std::isfinite(rough)) return ticks;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double factor : {1.0, 2.0, 5.0})
        if (rough <= factor * power) {
            step = factor * power;
            break;
        }
    for (double n = std::ceil(low / step); n * step <= high; ++n)
        ticks.push_back(n == 0 ? 0 : n * step);  // no -0
    return ticks;
}

std::string chart_html(const LineChart& chart, const std::string& x_name) {
    Range x, y;
    for (const Series& series : chart.series)
        for (const auto& [at, value] : series.points) {
            if (!std::isfinite(value)) continue;
            x.add(at);
            y.add(value);
        }
    if (x.empty() || y.empty()) return {};
    if (x.high <= x.low) x.widen();
    y.widen();
    const Frame frame(x, y);
    std::string svg = fmt::format(
        "<figure class=\"chart\"><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n",
        kWidth, kHeight, escape_html(chart.title));
    svg += frame.axes(x_name);
    std::string legend;
    for (size_t i = 0; i < chart.series.size(); ++i) {
        svg += frame.line(chart.series[i], i);
        legend += fmt::format(" <span class=\"key\"><i class=\"c{}\"></i>{}</span>",
                              i % kChartColours, escape_html(chart.series[i].name));
    }
    return svg + fmt::format("</svg><figcaption><b>{}</b>{}</figcaption></figure>\n",
                             escape_html(chart.title), legend);
}

}  // namespace sg
