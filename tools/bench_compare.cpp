#include <CLI/CLI.hpp>

#include "benchmarks/compare.h"
#include "kernels/common/error.h"
#include "tools/bench_commands.h"
#include "tools/tool.h"

namespace sg::tools {

namespace {

struct CompareCommand {
    std::vector<std::string> reports;
    double threshold = 5;  // percent
    CompareOptions options;
};

const char* verdict(Comparison::Verdict v) {
    switch (v) {
        case Comparison::Verdict::faster:
            return "faster";
        case Comparison::Verdict::slower:
            return "SLOWER";
        case Comparison::Verdict::same:
            break;
    }
    return "";
}

void print_names(const char* what, const std::vector<std::string>& names) {
    for (const std::string& name : names) fmt::print("only in the {} one: {}\n", what, name);
}

int run_compare(const CompareCommand& command) {
    CompareOptions options = command.options;
    options.threshold = command.threshold / 100;
    const ComparedReports compared = compare_reports(read_report(command.reports.at(0)),
                                                     read_report(command.reports.at(1)), options);
    for (const std::string& difference : compared.differences)
        fmt::print("note: not the same circumstances: {}\n", difference);
    fmt::print("{:>12} {:>12} {:>7} {:>8}  {:<6}  {}\n", "old median", "new median", "ratio", "p",
               "", "measurement");
    int slower = 0, faster = 0;
    for (const Comparison& c : compared.both) {
        fmt::print("{:>12.5g} {:>12.5g} {:>7.3f} {:>8.2g}  {:<6}  {}\n", c.before, c.after, c.ratio,
                   c.p, verdict(c.verdict), c.name);
        slower += c.verdict == Comparison::Verdict::slower;
        faster += c.verdict == Comparison::Verdict::faster;
    }
    print_names("old", compared.only_before);
    print_names("new", compared.only_after);
    require(!compared.both.empty(), "compare", "the two reports have no measurement in common");
    fmt::print("{} compared: {} slower, {} faster (by more than {:g} %, p at most {:g})\n",
               compared.both.size(), slower, faster, command.threshold, options.significance);
    return slower ? exit_failure : exit_success;
}

}  // namespace

BenchCommand add_bench_compare(CLI::App& app) {
    const auto command = std::make_shared<CompareCommand>();
    CLI::Option* reports =
        app.add_option("--compare", command->reports,
                       "OLD NEW: two files written with --json; exit code 1 if something is slower")
            ->expected(2)
            ->type_name("FILE");
    app.add_option("--threshold", command->threshold, "of --compare: percent that count")
        ->needs(reports)
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--significance", command->options.significance,
                   "of --compare: largest p of the rank test that counts")
        ->needs(reports)
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    app.add_option("--filter", command->options.filter,
                   "of --compare: regular expression, which measurements")
        ->needs(reports);
    return {[reports] { return reports->count() > 0; },
            [command](const std::string&) { return run_compare(*command); }};
}

}  // namespace sg::tools
