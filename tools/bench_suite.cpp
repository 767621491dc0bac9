#include "tools/bench_suite.h"

#include <unistd.h>

#include <chrono>

#include "benchmarks/compare.h"
#include "benchmarks/kernel_report.h"
#include "benchmarks/report.h"
#include "engine/atomic_file.h"
#include "kernels/common/error.h"
#include "tools/tool.h"

namespace sg::tools {

namespace {

using Clock = std::chrono::steady_clock;

/// "3 min", "40 s".
std::string duration(double seconds) {
    constexpr int minute = 60;
    return seconds > 2 * minute ? fmt::format("{:.0f} min", seconds / minute)
                                : fmt::format("{:.0f} s", seconds);
}

/// On a terminal, a line that is written over again and again.
void show_progress(size_t done, size_t all, const std::string& what, double seconds_left) {
    if (!isatty(STDERR_FILENO)) return;
    fmt::print(stderr, "\r\033[K[{}/{}] {}, about {} left", done + 1, all, what,
               duration(seconds_left));
    std::fflush(stderr);
}

void print_case(const SuiteResult& result, const Roofs& roofs) {
    if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\033[K");
    fmt::print("\n{}\n", case_name(result.benchmark));
    if (result.error.empty())
        print_table(result.benchmark, result.results, roofs);
    else
        fmt::print("failed: {}\n", result.error);
    std::fflush(stdout);
}

/// Runs one case after the other into a report.
class SuiteRun {
  public:
    SuiteRun(const KernelSuite& suite, std::string json, const std::string& arguments)
        : suite_(suite),
          cases_(suite_cases(suite)),
          json_(std::move(json)),
          report_(new_report("kernels", arguments, environment(suite.device, suite.threads))) {
        require(!cases_.empty(), "suite", "no case of {} has a name that '{}' is found in",
                suite.name, suite.filter);
        report_["suite"] = suite.name;
        write();  // first of all: a wrong path must not cost the measurements
    }

    int run(const std::string& ceilings) {
        roofs_ = find_roofs(ceilings, suite_.device, suite_.threads, report_);
        estimate_ = estimated_seconds(cases_, roofs_);
        fmt::print("{} cases of the {} network on {} ({}), about {}\n", cases_.size(), suite_.name,
                   suite_.device, roofs_.device_name,
                   roofs_.ceilings.empty() ? "as long as it takes" : duration(estimate_));
        const auto start = Clock::now();
        for (const KernelBenchmark& b : cases_) {
            const std::chrono::duration<double> spent = Clock::now() - start;
            if (suite_.seconds > 0 && spent.count() > suite_.seconds) break;
            show_progress(done_, cases_.size(), case_name(b), seconds_left(spent.count()));
            run_case(b);
        }
        fmt::print("\n{} cases, {} failed, {} not started for lack of time\n", done_, failed_,
                   cases_.size() - done_);
        return failed_ ? exit_failure : exit_success;
    }

  private:
    double seconds_left(double spent) const {
        const double share = double(cases_.size() - done_) / double(cases_.size());
        return done_ ? spent / double(done_) * share * double(cases_.size()) : estimate_;
    }
    void run_case(const KernelBenchmark& b) {
        const SuiteResult result = run_suite_case(b);
        ++done_;
        failed_ += !result.error.empty();
        print_case(result, roofs_);
        report_["cases"].push_back(to_json(result, roofs_));
        if (result.error.empty()) add_measurements(report_, b, result.results);
        write();
    }
    void write() {
        report_["left"] = cases_.size() - done_;
        if (!json_.empty()) write_file_atomically(json_, report_.dump(1) + "\n");
    }

    const KernelSuite& suite_;
    std::vector<KernelBenchmark> cases_;
    std::string json_;
    nlohmann::json report_;
    Roofs roofs_;
    double estimate_ = 0;
    size_t done_ = 0, failed_ = 0;
};

}  // namespace

Roofs find_roofs(const std::string& ceilings, const std::string& device, int threads,
                 nlohmann::json& report) {
    Roofs roofs{.device_name = report.at("environment").at("device_name")};
    if (ceilings == "off" || (device != "cpu" && device != "cuda")) return roofs;
    constexpr int repeats = 5;
    roofs.ceilings = ceilings == "measure"
                         ? measure_ceilings(device, threads, repeats)
                         : ceilings_from_json(read_report(ceilings).at("ceilings"));
    report["ceilings"] = to_json(roofs.ceilings);
    return roofs;
}

int run_suite(const KernelSuite& suite, const std::string& ceilings, const std::string& json,
              const std::string& arguments) {
    return SuiteRun(suite, json, arguments).run(ceilings);
}

}  // namespace sg::tools
