#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sg {

/// One measurement in two reports.
struct Comparison {
    std::string name;
    double before = 0, after = 0;  ///< medians
    double ratio = 0;              ///< after / before
    double p = 1;                  ///< of the two-sided rank test
    enum class Verdict { same, faster, slower } verdict = Verdict::same;
};

struct CompareOptions {
    double threshold = 0.05;  ///< share by which a median must differ to count
    double significance = 0.01;
    std::string filter;  ///< regular expression: only names in which it is found
};

struct ComparedReports {
    std::vector<Comparison> both;
    std::vector<std::string> only_before, only_after;
    std::vector<std::string> differences;  ///< of the environments: "threads: 2, then 4"
};

/// A measurement is slower (or faster) if its medians differ by more than the threshold and the
/// rank test finds the samples different. Less is faster, but of units that end in "/s". Throws
/// Error for measurements that sg_bench would not write.
ComparedReports compare_reports(const nlohmann::json& before, const nlohmann::json& after,
                                const CompareOptions& options);

/// The probability that two samples of one distribution have ranks at least as different as these:
/// Mann and Whitney's U (1947), two-sided; exact for up to 20 values each without ties, else by its
/// normal approximation with corrections for ties and continuity. 1 if a sample is empty or all
/// values are equal. Of n and m values it is 2 n! m! / (n + m)! at least: 4 each can reach 0.03.
double rank_test(const std::vector<double>& a, const std::vector<double>& b);

/// Throws Error naming a file that cannot be read or is no report of sg_bench.
nlohmann::json read_report(const std::filesystem::path& path);

}  // namespace sg
