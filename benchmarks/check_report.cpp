#include "benchmarks/check_report.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "kernels/common/error.h"
#include "train/eval/html.h"
#include "train/eval/line_chart.h"

namespace sg {

namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

/// The fields of each line. The last one may hold anything but an end of line.
std::vector<std::vector<std::string>> read_tsv(const fs::path& path, size_t fields) {
    std::vector<std::vector<std::string>> rows;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::vector<std::string> row;
        size_t begin = 0;
        while (row.size() + 1 < fields) {
            const size_t tab = line.find('\t', begin);
            if (tab == std::string::npos) break;
            row.push_back(line.substr(begin, tab - begin));
            begin = tab + 1;
        }
        row.push_back(line.substr(begin));
        require(row.size() == fields, "report", "{}, line {}: {} fields, expected {}: '{}'",
                path.string(), rows.size() + 1, row.size(), fields, line);
        rows.push_back(std::move(row));
    }
    return rows;
}

double number(const fs::path& path, const std::string& text) {
    try {
        size_t used = 0;
        const double value = std::stod(text, &used);
        if (used == text.size()) return value;
    } catch (const std::exception&) {
    }
    throw Error("report", fmt::format("{}: '{}' is not a number", path.string(), text));
}

/// The curves of a run's losses.
Json curves(const fs::path& metrics) {
    constexpr int points = 100;
    Json charts = Json::array();
    for (const LineChart& chart : read_curves(metrics, points)) {
        Json series = Json::object();
        for (const Series& s : chart.series) series[s.name] = s.points;
        charts.push_back({{"title", chart.title}, {"series", series}});
    }
    return {{"curves", charts}};
}

Json& stage_named(Json& stages, const fs::path& path, const std::string& name) {
    for (Json& stage : stages)
        if (stage["name"] == name) return stage;
    throw Error("report",
                fmt::format("{}: there is no stage '{}' in stages.tsv", path.string(), name));
}

void add_data(const fs::path& folder, Json& stages) {
    if (!fs::exists(folder)) return;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
        if (file.extension() != ".json" && file.extension() != ".jsonl") continue;  // half-written
        const std::string stem = file.stem().string();
        const size_t dot = stem.find('.');
        require(dot != std::string::npos, "report", "{}: expected STAGE.LABEL.json", file.string());
        Json& stage = stage_named(stages, file, stem.substr(0, dot));
        std::ifstream stream(file);
        Json data =
            file.extension() == ".jsonl" ? curves(file) : Json::parse(stream, nullptr, false);
        if (data.is_discarded())  // whoever wrote it was stopped: the rest still counts
            stage["detail"] = fmt::format("{}; {} is not JSON", stage["detail"].get<std::string>(),
                                          file.filename().string());
        else
            stage["data"][stem.substr(dot + 1)] = std::move(data);
    }
}

}  // namespace

nlohmann::json read_check(const fs::path& folder) {
    require(fs::is_directory(folder), "report", "{} is no folder", folder.string());
    Json facts = Json::object(), stages = Json::array();
    for (const auto& row : read_tsv(folder / "facts.tsv", 2)) facts[row[0]] = row[1];
    const fs::path list = folder / "stages.tsv", cases = folder / "cases.tsv";
    for (const auto& row : read_tsv(list, 5))
        stages.push_back({{"name", row[0]},
                          {"status", row[1]},
                          {"seconds", number(list, row[2])},
                          {"limit_s", number(list, row[3])},
                          {"detail", row[4]},
                          {"cases", Json::array()},
                          {"data", Json::object()}});
    for (const auto& row : read_tsv(cases, 4))
        stage_named(stages, cases, row[0])["cases"].push_back(
            {{"name", row[1]}, {"status", row[2]}, {"seconds", number(cases, row[3])}});
    add_data(folder / "data", stages);
    return {{"format", "stargan-gpu-check-1"}, {"facts", facts}, {"stages", stages}};
}

std::string check_charts(const nlohmann::json& check) {
    std::string body;
    for (const Json& stage : check.at("stages"))
        for (const Json& data : stage.at("data"))
            for (const Json& curves : data.value("curves", Json::array())) {
                LineChart chart{.title = curves.at("title"), .series = {}};
                for (const auto& [name, points] : curves.at("series").items())
                    chart.series.push_back({.name = name, .points = points});
                body += chart_html(chart, "iteration");
            }
    return body.empty() ? body : page_html("The training of gpu_check.sh", body);
}

}  // namespace sg
