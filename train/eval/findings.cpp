// What a reader of a report must not miss.
#include <cmath>
#include <numeric>

#include "kernels/common/error.h"
#include "train/eval/report.h"

namespace sg {

namespace {

using Findings = std::vector<std::string>;

constexpr double most = 0.5;  // "most faces"

void about_diversity(const GroupReport& group, Findings& findings) {
    const DiversityScore& made = group.diversity;
    const DiversityScore truth = group.true_diversity.value_or(DiversityScore{});
    const std::string& name = group.labels.name;
    if (group.labels.dim() < 2) return;
    if (made.all_equal >= most && truth.all_equal < most) {
        findings.push_back(fmt::format(
            "{}: all columns equal: for {:.0f} % of the faces all {} targets give nearly the same "
            "picture (less than 1/255 apart); the labels are ignored",
            name, 100 * made.all_equal, group.labels.dim()));
    } else if (made.some_equal >= most && truth.some_equal < most) {
        findings.push_back(
            fmt::format("{}: columns equal: for {:.0f} % of the faces two different targets give "
                        "nearly the same picture (less than 1/255 apart)",
                        name, 100 * made.some_equal));
    }
}

void about_truth(const GroupReport& group, Findings& findings) {
    if (!group.overall.truth) return;
    const double translated = group.overall.truth->translated.mean();
    const double copy = group.overall.truth->copy.mean();
    if (translated < copy) return;
    findings.push_back(
        fmt::format("{}: no better than copying: translations are {:.2f}/255 from the true "
                    "pictures, the untouched inputs {:.2f}/255",
                    group.labels.name, translated, copy));
}

void about_judge(const GroupReport& group, Findings& findings) {
    const ClassifierReport& judge = group.judge;
    if (judge.majority.empty()) return;
    const double guess = std::accumulate(judge.majority.begin(), judge.majority.end(), 0.0) /
                         double(judge.majority.size());
    if (judge.accuracy > guess) return;
    findings.push_back(
        fmt::format("{}: the classifier cannot judge: it is right for {:.1f} % of real held-out "
                    "images, answering always the same for {:.1f} %",
                    group.labels.name, 100 * judge.accuracy, 100 * guess));
}

void about_mask(const MaskReport& mask, Findings& findings) {
    const double right = mask.overall.change_right.value();
    const double wrong = mask.overall.change_wrong.value();
    const std::string pair = fmt::format("{} with labels of {}", mask.images, mask.labels);
    if (std::isnan(right)) return;
    if (right <= 0) {
        findings.push_back(
            fmt::format("{}: with the right mask, too, nothing of the true change is made "
                        "({:.0f} %)",
                        pair, 100 * right));
    } else if (wrong >= right) {
        findings.push_back(fmt::format(
            "{}: the mask is ignored: {:.0f} % of the true change are made with the right mask, "
            "{:.0f} % with the wrong one",
            pair, 100 * right, 100 * wrong));
    }
}

}  // namespace

std::vector<std::string> find_trouble(const EvalReport& report) {
    Findings findings;
    for (const GroupReport& group : report.groups) {
        about_diversity(group, findings);
        about_truth(group, findings);
        about_judge(group, findings);
    }
    for (const MaskReport& mask : report.masks) about_mask(mask, findings);
    return findings;
}

}  // namespace sg
