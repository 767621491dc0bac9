#include "train/eval/report_rows.h"

#include <cmath>
#include <numeric>

#include "kernels/common/error.h"

namespace sg {

namespace {

using Cells = std::vector<std::string>;

std::string fixed(double value, int digits = 2) {
    if (std::isnan(value)) return "-";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return fmt::format("{:.{}f}", value, digits);
}
std::string percent(double share) {
    return fixed(100 * share, 1);
}
std::string count(int64_t number) {
    return std::to_string(number);
}

/// The targets, and all of them together.
std::vector<const TargetReport*> rows_of(const GroupReport& group) {
    std::vector<const TargetReport*> rows;
    for (const TargetReport& target : group.targets) rows.push_back(&target);
    rows.push_back(&group.overall);
    return rows;
}

ReportTable classifier_table(const GroupReport& group) {
    const ClassifierReport& judge = group.judge;
    ReportTable table{
        .title = fmt::format("{}: classifier on real held-out images, % right", group.labels.name),
        .group = group.labels.name,
        .explanation = fmt::format(
            "Trained on {} real images, tested on {}. Guessing: always the most frequent answer.",
            judge.trained_on, judge.held_out),
        .columns = {"label", "right", "guessing"},
        .rows = {}};
    for (size_t i = 0; i < judge.per_label.size() && i < group.labels.names.size(); ++i)
        table.rows.push_back({group.labels.names[i], percent(judge.per_label[i]),
                              i < judge.majority.size() ? percent(judge.majority[i]) : "-"});
    const double guess = std::accumulate(judge.majority.begin(), judge.majority.end(), 0.0) /
                         double(judge.majority.size());
    table.rows.push_back({"all", percent(judge.accuracy), percent(guess)});
    return table;
}

ReportTable judged_table(const GroupReport& group) {
    ReportTable table{
        .title = fmt::format("{}: what the classifier sees in translations, %", group.labels.name),
        .group = group.labels.name,
        .explanation =
            "Held-out images whose labels the target changes. As asked: judged to show "
            "the target. Copy: the same of the untouched inputs. Real: inputs judged as "
            "what they are. Kept: other attributes judged as on the input.",
        .columns = {"target", "images", "as asked", "error", "copy", "real", "kept"},
        .rows = {}};
    for (const TargetReport* target : rows_of(group)) {
        Cells cells{target->target, count(target->images), "-", "-", "-", "-", "-"};
        if (const auto& judged = target->judged) {
            cells = {target->target,
                     count(judged->images),
                     percent(judged->asked),
                     percent(1 - judged->asked),
                     percent(judged->copy),
                     percent(judged->real),
                     judged->others_kept ? percent(*judged->others_kept) : "-"};
        }
        table.rows.push_back(cells);
    }
    return table;
}

ReportTable truth_table(const GroupReport& group) {
    ReportTable table{
        .title = fmt::format("{}: distance to the true pictures", group.labels.name),
        .group = group.labels.name,
        .explanation =
            "Mean absolute difference in 1/255 and PSNR in dB, of the translation and "
            "of the untouched input. A ratio below 1 is better than copying. Change: % of "
            "the true change in which the translation differs from that to the face's own labels.",
        .columns = {"target", "faces", "translated", "copy", "ratio", "PSNR", "copy PSNR",
                    "change"},
        .rows = {}};
    for (const TargetReport* target : rows_of(group)) {
        if (!target->truth) continue;
        const auto& [faces, translated, copy, change] = *target->truth;
        table.rows.push_back({target->target, count(faces), fixed(translated.mean()),
                              fixed(copy.mean()), fixed(translated.mean() / copy.mean()),
                              fixed(translated.psnr(), 1), fixed(copy.psnr(), 1),
                              percent(change.value())});
    }
    return table;
}

ReportTable identity_table(const GroupReport& group) {
    ReportTable table{
        .title = fmt::format("{}: reconstruction, identity, distribution", group.labels.name),
        .group = group.labels.name,
        .explanation =
            fmt::format("Input to target and back: L1 in [-1, 1], error in 1/255, PSNR. Distances "
                        "of classifier features from the input to its translation (same) and to "
                        "another input (other); closer: % where the first is smaller. Fréchet "
                        "distance of images that were to get the label from real ones that have it "
                        "(sample sizes n). Two halves of the real images: {} (n {} and {}).",
                        group.floor.distance ? fixed(*group.floor.distance) : group.floor.missing,
                        group.floor.first, group.floor.second),
        .columns = {"target", "L1", "error", "PSNR", "same", "other", "closer", "Fréchet", "n"},
        .rows = {}};
    for (const TargetReport* target : rows_of(group)) {
        const double error = target->reconstruction.mean();
        const auto& identity = target->identity;
        const FrechetScore& frechet = target->frechet;
        table.rows.push_back(
            {target->target, fixed(error / 127.5, 4), fixed(error),
             fixed(target->reconstruction.psnr(), 1), identity ? fixed(identity->same) : "-",
             identity ? fixed(identity->other) : "-", identity ? percent(identity->closer) : "-",
             frechet.distance ? fixed(*frechet.distance) : "-",
             fmt::format("{}/{}", frechet.first, frechet.second)});
    }
    return table;
}

ReportTable diversity_table(const GroupReport& group) {
    ReportTable table{
        .title = fmt::format("{}: differences between targets", group.labels.name),
        .group = group.labels.name,
        .explanation =
            "Between: mean |difference| of one face's outputs for different targets, in "
            "1/255. Change: mean |output - input|. Two equal, all equal: % of faces for "
            "which two, or all, outputs are less than 1/255 apart.",
        .columns = {"pictures", "faces", "between", "change", "relative", "two equal", "all equal"},
        .rows = {}};
    const auto add = [&](const char* name, const DiversityScore& score) {
        table.rows.push_back({name, count(score.faces), fixed(score.between), fixed(score.change),
                              fixed(score.relative()), percent(score.some_equal),
                              percent(score.all_equal)});
    };
    add("translations", group.diversity);
    if (group.true_diversity) add("truth", *group.true_diversity);
    return table;
}

ReportTable mask_table(const MaskReport& mask) {
    ReportTable table{
        .title = fmt::format("images of {} with labels of {}", mask.images, mask.labels),
        .group = "",
        .explanation =
            "With the mask of the labels (right) and with that of the images (wrong). "
            "Moved: % of the way from the input to the true picture, where the two "
            "differ. Change: % of the true change in which the translation differs from "
            "that to the image's own expression. Judged: % that the classifier of the labels takes "
            "for the target.",
        .columns = {"target", "images", "moved right", "moved wrong", "change right",
                    "change wrong", "judged right", "judged wrong"},
        .rows = {}};
    const auto add = [&](const MaskScore& score) {
        table.rows.push_back({score.target, count(score.images), percent(score.moved_right()),
                              percent(score.moved_wrong()), percent(score.change_right.value()),
                              percent(score.change_wrong.value()), percent(score.judged_right),
                              percent(score.judged_wrong)});
    };
    for (const MaskScore& score : mask.targets) add(score);
    add(mask.overall);
    return table;
}

}  // namespace

std::vector<ReportTable> report_tables(const EvalReport& report) {
    std::vector<ReportTable> tables;
    for (const GroupReport& group : report.groups) {
        tables.push_back(classifier_table(group));
        tables.push_back(judged_table(group));
        if (group.overall.truth) tables.push_back(truth_table(group));
        tables.push_back(identity_table(group));
        tables.push_back(diversity_table(group));
    }
    for (const MaskReport& mask : report.masks) tables.push_back(mask_table(mask));
    return tables;
}

}  // namespace sg
