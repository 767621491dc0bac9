#include "benchmarks/compare.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "benchmarks/name_filter.h"
#include "benchmarks/times.h"
#include "kernels/common/error.h"

namespace sg {

namespace {

using Json = nlohmann::json;

struct Measurement {
    std::vector<double> samples;
    bool rate;  ///< more is faster
};

std::map<std::string, Measurement> measurements(const Json& report) {
    std::map<std::string, Measurement> all;
    for (const Json& m : report.at("measurements")) {
        const std::string name = m.at("name"), unit = m.at("unit");
        const Measurement one{m.at("samples").get<std::vector<double>>(), unit.ends_with("/s")};
        require(!one.samples.empty(), "compare", "'{}' has no samples", name);
        require(all.emplace(name, one).second, "compare", "'{}' is there twice", name);
    }
    return all;
}

std::string text_of(const Json& environment, const std::string& key) {
    const auto found = environment.find(key);
    if (found == environment.end()) return "unknown";
    return found->is_string() ? found->get<std::string>() : found->dump();
}

std::vector<std::string> differences(const Json& before, const Json& after) {
    std::vector<std::string> all;
    for (const char* key :
         {"device_name", "isa", "threads", "compiler", "libraries", "clock_mhz"}) {
        const std::string a = text_of(before, key), b = text_of(after, key);
        if (a != b) all.push_back(fmt::format("{}: {}, then {}", key, a, b));
    }
    return all;
}

Comparison compare(const std::string& name, const Measurement& before, const Measurement& after,
                   const CompareOptions& options) {
    Comparison c{.name = name,
                 .before = summarise(before.samples).median,
                 .after = summarise(after.samples).median,
                 .p = rank_test(before.samples, after.samples)};
    c.ratio = c.after / c.before;
    if (c.p > options.significance) return c;
    const double slowdown = before.rate ? 1 / c.ratio : c.ratio;
    if (slowdown > 1 + options.threshold) c.verdict = Comparison::Verdict::slower;
    if (slowdown < 1 / (1 + options.threshold)) c.verdict = Comparison::Verdict::faster;
    return c;
}

}  // namespace

namespace {

/// Of the ways to divide n + m different ranks, the share in which U (the pairs with the larger one
/// in the first sample) is at most `most`: counts of partitions, by the recursion on the largest
/// rank (Mann & Whitney 1947, section 3).
double share_of_ranks(int n, int m, double most) {
    // ways[j][u]: of j from the first sample among the ranks so far.
    const size_t pairs = size_t(n) * size_t(m);
    std::vector<std::vector<double>> ways(size_t(n) + 1, std::vector<double>(pairs + 1));
    ways[0][0] = 1;
    for (int rank = 1; rank <= n + m; ++rank)
        for (int j = std::min(rank, n); j >= 1; --j) {
            const auto below = size_t(rank - j);  // of the second sample, if this rank is a first's
            if (int(below) > m) continue;
            for (size_t u = pairs; u + 1 > below; --u) ways[j][u] += ways[j - 1][u - below];
        }
    double all = 0, few = 0;
    for (size_t u = 0; u <= pairs; ++u) {
        all += ways[size_t(n)][u];
        few += double(u) <= most ? ways[size_t(n)][u] : 0;
    }
    return few / all;
}

}  // namespace

double rank_test(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.empty() || b.empty()) return 1;
    std::vector<std::pair<double, bool>> all;  // value, whether of a
    for (const double value : a) all.emplace_back(value, true);
    for (const double value : b) all.emplace_back(value, false);
    std::sort(all.begin(), all.end());
    // Equal values share the mean of their ranks.
    double ranks_of_a = 0, ties = 0;
    for (size_t begin = 0, end = 0; begin < all.size(); begin = end) {
        while (end < all.size() && all[end].first == all[begin].first) ++end;
        const double rank = double(begin + 1 + end) / 2, equal = double(end - begin);
        ties += equal * equal * equal - equal;
        for (size_t i = begin; i < end; ++i) ranks_of_a += all[i].second ? rank : 0;
    }
    const auto n = double(a.size()), m = double(b.size()), N = n + m;
    const double u = ranks_of_a - n * (n + 1) / 2, mean = n * m / 2;
    constexpr size_t few = 20;
    if (ties == 0 && a.size() <= few && b.size() <= few)
        return std::min(1.0, 2 * share_of_ranks(int(n), int(m), std::min(u, n * m - u)));
    const double variance = n * m / 12 * (N + 1 - ties / (N * (N - 1)));
    if (variance <= 0) return 1;
    const double z = std::max(0.0, std::abs(u - mean) - 0.5) / std::sqrt(variance);
    return std::erfc(z / std::sqrt(2.0));
}

ComparedReports compare_reports(const Json& before, const Json& after,
                                const CompareOptions& options) {
    const auto old_samples = measurements(before), new_samples = measurements(after);
    const NameFilter filter(options.filter);
    ComparedReports result;
    result.differences = differences(before.at("environment"), after.at("environment"));
    for (const auto& [name, samples] : old_samples) {
        if (!filter.matches(name)) continue;
        if (const auto found = new_samples.find(name); found != new_samples.end())
            result.both.push_back(compare(name, samples, found->second, options));
        else
            result.only_before.push_back(name);
    }
    for (const auto& [name, samples] : new_samples)
        if (filter.matches(name) && !old_samples.contains(name)) result.only_after.push_back(name);
    return result;
}

Json read_report(const std::filesystem::path& path) {
    std::ifstream file(path);
    require(file.is_open(), "compare", "{} cannot be read", path.string());
    Json report = Json::parse(file, nullptr, false);
    const bool ours = report.is_object() && report.value("format", "") == "stargan-bench-1" &&
                      report.contains("measurements") && report.contains("environment");
    require(ours, "compare", "{} is no report that sg_bench wrote with --json", path.string());
    return report;
}

}  // namespace sg
