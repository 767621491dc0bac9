// The curves of a run from its metrics.jsonl.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "train/eval/line_chart.h"

namespace sg {

namespace {

using Json = nlohmann::json;

struct Curve {
    const char* title;
    std::vector<const char*> keys;
};
const Curve kCurves[] = {
    {"adversarial losses", {"D/loss_real", "D/loss_fake", "G/loss_fake", "D/critic_gap"}},
    {"classification losses", {"D/loss_cls", "G/loss_cls"}},
    {"reconstruction loss", {"G/loss_rec"}},
    {"gradient penalty", {"D/loss_gp", "D/gradient_norm"}},
    {"share of labels that D sees right", {"D/accuracy", "G/accuracy"}},
};

/// Means of neighbours, so that at most `count` remain.
Series thinned(const Series& series, int count) {
    const size_t every = (series.points.size() + size_t(count) - 1) / size_t(count);
    if (every <= 1) return series;
    Series thin{series.name, {}};
    for (size_t begin = 0; begin < series.points.size(); begin += every) {
        const size_t end = std::min(begin + every, series.points.size());
        double x = 0, y = 0;
        for (size_t i = begin; i < end; ++i) {
            x += series.points[i].first;
            y += series.points[i].second;
        }
        thin.points.emplace_back(x / double(end - begin), y / double(end - begin));
    }
    return thin;
}

/// Lines of a file in the order of the data sets that they name, "" for none.
using LinesByData = std::vector<std::pair<std::string, std::vector<Json>>>;

LinesByData read_lines(const std::filesystem::path& path) {
    LinesByData all;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        Json json = Json::parse(line, nullptr, false);  // no JSON: has no "iteration"
        const auto iteration = json.find("iteration");
        if (iteration == json.end() || !iteration->is_number()) continue;
        const auto data = json.find("data");
        const std::string name =
            data != json.end() && data->is_string() ? data->get<std::string>() : "";
        auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto& entry) { return entry.first == name; });
        if (found == all.end()) found = all.insert(all.end(), {name, {}});
        found->second.push_back(std::move(json));
    }
    return all;
}

Series read_series(const std::vector<Json>& lines, const char* key) {
    Series series{key, {}};
    for (const Json& line : lines) {
        const auto value = line.find(key);
        if (value == line.end() || !value->is_number()) continue;
        series.points.emplace_back(line["iteration"].get<double>(), value->get<double>());
    }
    return series;
}

}  // namespace

std::vector<LineChart> read_curves(const std::filesystem::path& metrics, int points) {
    std::vector<LineChart> charts;
    for (const auto& [data, lines] : read_lines(metrics)) {
        for (const auto& [title, keys] : kCurves) {
            LineChart chart{data.empty() ? title : data + ": " + title, {}};
            for (const char* key : keys) {
                Series series = thinned(read_series(lines, key), points);
                if (!series.points.empty()) chart.series.push_back(std::move(series));
            }
            if (!chart.series.empty()) charts.push_back(std::move(chart));
        }
    }
    return charts;
}

}  // namespace sg
