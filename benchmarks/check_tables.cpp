#include <algorithm>

#include "benchmarks/check_report.h"
#include "kernels/common/error.h"

namespace sg {

namespace {

using Json = nlohmann::json;

/// A cell must not end its row or column.
std::string cell(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
        text.replace(at, 1, "\\|");
    return text;
}

/// value[key] as a number with so many decimals; "-" if there is none.
std::string number(const Json& value, const char* key, int decimals) {
    const auto found = value.find(key);
    if (found == value.end() || !found->is_number()) return "-";
    return fmt::format("{:.{}f}", found->get<double>(), decimals);
}

void add_facts(const Json& check, std::string& text) {
    text += "| | |\n|---|---|\n";
    for (const auto& [name, value] : check.at("facts").items())
        text += fmt::format("| {} | {} |\n", cell(name), cell(value.get<std::string>()));
}

void add_stages(const Json& check, std::string& text) {
    text += "\n## Stages\n\n| stage | status | seconds | of | |\n|---|---|---|---|---|\n";
    for (const Json& s : check.at("stages"))
        text += fmt::format("| {} | {} | {:.1f} | {:.0f} | {} |\n", s.at("name").get<std::string>(),
                            s.at("status").get<std::string>(), s.at("seconds").get<double>(),
                            s.at("limit_s").get<double>(), cell(s.at("detail").get<std::string>()));
    for (const Json& s : check.at("stages")) {
        std::string failed;
        for (const Json& c : s.at("cases"))
            if (c.at("status") != "passed")
                failed += fmt::format("- {}: {}\n", c.at("name").get<std::string>(),
                                      c.at("status").get<std::string>());
        if (!failed.empty())
            text += fmt::format("\n{}, not passed:\n\n{}", s.at("name").get<std::string>(), failed);
    }
}

void add_ceilings(const Json& data, std::string& text) {
    text += "\n## Ceilings\n\n| | | |\n|---|---|---|\n";
    for (const Json& c : data.at("ceilings"))
        text += fmt::format("| {} | {} | {} |\n", c.at("name").get<std::string>(),
                            c.contains("value") ? fmt::format("{} {}", number(c, "value", 2),
                                                              c.at("unit").get<std::string>())
                                                : "not measured",
                            cell(c.value("what", c.value("missing", ""))));
}

/// Our fastest version, or the fastest library; null if none was measured.
Json fastest(const Json& work, bool ours) {
    Json best;
    for (const Json& row : work.at("rows"))
        if ((row.at("version").get<int>() != 0) == ours && row.contains("median_ms") &&
            (best.is_null() || row.at("median_ms") < best.at("median_ms")))
            best = row;
    return best;
}

void add_kernel(const Json& work, std::string& text) {
    const std::string start =
        fmt::format("| {} | {} | {} |", work.at("kernel").get<std::string>(),
                    work.at("shape").get<std::string>(), work.at("precision").get<std::string>());
    if (work.contains("error")) {
        text += fmt::format("{} failed: {} | | | | | |\n", start, cell(work.at("error")));
        return;
    }
    const Json ours = fastest(work, true), library = fastest(work, false);
    if (ours.is_null()) return;
    const double ms = ours.at("median_ms"), of_ceiling = ours.value("of_ceiling", 0.0);
    text += fmt::format(
        "{} {} | {:.4f} | {:.0f} | {:.1f} | {} | {} |\n", start, ours.at("name").get<std::string>(),
        ms, work.at("bytes").get<double>() / 1e6 / ms, work.at("flops").get<double>() / 1e9 / ms,
        of_ceiling > 0 ? fmt::format("{:.0f} %", 100 * of_ceiling) : "-",
        library.is_null() ? "-"
                          : fmt::format("{} {:.4f}, {:.2f}x", library.at("name").get<std::string>(),
                                        library.at("median_ms").get<double>(),
                                        library.at("median_ms").get<double>() / ms));
}

void add_kernels(const Json& data, std::string& text) {
    text +=
        "\n## Kernels\n\nOur fastest version, on operands that no cache holds; the ceiling is the "
        "time of the same bytes and FLOPs at the measured rates; a library's factor above 1 means "
        "that ours is faster.\n\n"
        "| kernel | shape | precision | version | ms | GB/s | TFLOP/s | of ceiling | library, ms "
        "|\n"
        "|---|---|---|---|---|---|---|---|---|\n";
    for (const Json& work : data.at("cases")) add_kernel(work, text);
    if (const int left = data.value("left", 0))
        text += fmt::format("\n{} more cases were not started for lack of time.\n", left);
}

void add_steps(const Json& stage, std::string& text) {
    text +=
        "\n## Training steps\n\nAn iteration is one update of D with its share of G's.\n\n"
        "| | D step ms | G step ms | iteration ms | tensors MB |\n|---|---|---|---|---|\n";
    for (const auto& [label, report] : stage.at("data").items())
        for (const Json& step : report.at("cases"))
            text += fmt::format("| {} | {} | {} | {} | {} |\n", label, number(step, "d_step_ms", 3),
                                number(step, "g_step_ms", 3), number(step, "iteration_ms", 3),
                                number(step, "tensor_peak_mb", 0));
}

void add_peers(const Json& data, std::string& text) {
    text += fmt::format(
        "\n## PyTorch {}\n\n| mode | status | iteration ms | min | max | MB |\n"
        "|---|---|---|---|---|---|\n",
        data.value("torch", ""));
    for (const Json& mode : data.at("modes"))
        text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", mode.at("mode").get<std::string>(),
                            cell(mode.value("status", "") + " " + mode.value("reason", "")),
                            number(mode, "iteration_ms", 3), number(mode, "iteration_min_ms", 3),
                            number(mode, "iteration_max_ms", 3), number(mode, "peak_device_mb", 0));
}

void add_curves(const Json& data, std::string& text) {
    for (const Json& chart : data.at("curves")) {
        text += fmt::format("\n## Training: {}\n\n| | first | last |\n|---|---|---|\n",
                            chart.at("title").get<std::string>());
        for (const auto& [name, points] : chart.at("series").items())
            if (!points.empty())
                text += fmt::format("| {} | {:.4g} | {:.4g} |\n", cell(name),
                                    points.front().at(1).get<double>(),
                                    points.back().at(1).get<double>());
    }
}

}  // namespace

std::string check_tables(const nlohmann::json& check) {
    require(check.value("format", "") == "stargan-gpu-check-1", "report",
            "the format is '{}', expected stargan-gpu-check-1", check.value("format", ""));
    std::string text = "# What gpu_check.sh found\n\n";
    add_facts(check, text);
    add_stages(check, text);
    for (const Json& stage : check.at("stages")) {
        if (stage.at("name") == "step" && !stage.at("data").empty()) add_steps(stage, text);
        for (const Json& data : stage.at("data")) {
            const std::string command = data.value("command", "");
            if (command == "ceilings") add_ceilings(data, text);
            if (command == "kernels") add_kernels(data, text);
            if (data.contains("modes")) add_peers(data, text);
            if (data.contains("curves")) add_curves(data, text);
        }
    }
    return text;
}

}  // namespace sg
