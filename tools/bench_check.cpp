#include <CLI/CLI.hpp>
#include <fstream>

#include "benchmarks/ceilings.h"
#include "benchmarks/check_report.h"
#include "benchmarks/report.h"
#include "kernels/common/error.h"
#include "tools/bench_commands.h"
#include "tools/tool.h"

namespace sg::tools {

namespace {

struct CeilingsOptions {
    std::string device = "cpu", json;
    int threads = 0, repeats = 20;
};

int run_ceilings(const CeilingsOptions& options, const std::string& arguments) {
    JsonFile file(options.json);
    const auto ceilings = measure_ceilings(options.device, options.threads, options.repeats);
    for (const Ceiling& c : ceilings)
        if (c.missing.empty())
            fmt::print("{:<20} {:>9.3f} {:<8} {}\n", c.name, c.value, c.unit, c.what);
        else
            fmt::print("{:<20} not measured: {}\n", c.name, c.missing);
    nlohmann::json report =
        new_report("ceilings", arguments, environment(options.device, options.threads));
    report["ceilings"] = to_json(ceilings);
    file.write(report.dump(1));
    return exit_success;
}

struct ReportOptions {
    std::string from, json, markdown, charts;
};

nlohmann::json read_gpu_check(const std::filesystem::path& from) {
    if (std::filesystem::is_directory(from)) return read_check(from);
    std::ifstream file(from);
    require(file.is_open(), "report", "{} cannot be read", from.string());
    auto check = nlohmann::json::parse(file, nullptr, false);
    require(!check.is_discarded(), "report", "{} is not JSON", from.string());
    return check;
}

int run_report(const ReportOptions& options) {
    const nlohmann::json check = read_gpu_check(options.from);
    const std::string tables = check_tables(check);
    if (!options.json.empty()) write_file_atomically(options.json, check.dump(1) + "\n");
    if (options.markdown.empty())
        fmt::print("{}", tables);
    else
        write_file_atomically(options.markdown, tables);
    if (const auto page = check_charts(check); !options.charts.empty() && !page.empty())
        write_file_atomically(options.charts, page);
    return exit_success;
}

}  // namespace

BenchCommand add_bench_ceilings(CLI::App& app) {
    const auto options = std::make_shared<CeilingsOptions>();
    CLI::App* command = app.add_subcommand(
        "ceilings", "what the device copies and multiplies at best, to compare kernels with");
    command->add_option("--device", options->device, "cpu or cuda")->capture_default_str();
    command->add_option("--threads", options->threads, "cpu; 0: one per processor")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str();
    command->add_option("--repeats", options->repeats, "timed runs")
        ->check(CLI::Range(1, most_counted))
        ->capture_default_str();
    command->add_option("--json", options->json, "write the measurements to this file");
    return {[command] { return command->parsed(); },
            [options](const std::string& arguments) { return run_ceilings(*options, arguments); }};
}

BenchCommand add_bench_report(CLI::App& app) {
    const auto options = std::make_shared<ReportOptions>();
    CLI::App* command = app.add_subcommand("report", "tables from what gpu_check.sh found");
    command->add_option("from", options->from, "its check.json, or the folder of its stages")
        ->required();
    command->add_option("--json", options->json, "write check.json here");
    command->add_option("--markdown", options->markdown, "write the tables here; default: print");
    command->add_option("--charts", options->charts, "write a page of the training's curves here");
    return {[command] { return command->parsed(); },
            [options](const std::string&) { return run_report(*options); }};
}

}  // namespace sg::tools
