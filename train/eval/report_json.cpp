// The report as JSON. What it cannot say of a number, or does not know, becomes null.
#include <cmath>
#include <nlohmann/json.hpp>

#include "train/eval/report.h"

namespace sg {

namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json json_of(const std::optional<double>& value) {
    return value ? number(*value) : Json(nullptr);
}

Json json_of(const PixelError& error) {
    return {{"error", number(error.mean())}, {"psnr", number(error.psnr())}};
}

Json json_of(const TruthScore& score) {
    return {{"faces", score.faces},
            {"translated", json_of(score.translated)},
            {"copy", json_of(score.copy)},
            {"change", number(score.change.value())}};
}

Json json_of(const JudgeScore& score) {
    return {{"asked", number(score.asked)},
            {"error_percent", number(100 * (1 - score.asked))},
            {"copy", number(score.copy)},
            {"real", number(score.real)},
            {"others_kept", json_of(score.others_kept)}};
}

Json json_of(const IdentityDistances& identity) {
    return {{"same", number(identity.same)},
            {"other", number(identity.other)},
            {"closer", number(identity.closer)}};
}

Json json_of(const FrechetScore& score, const char* first, const char* second) {
    Json json = {
        {"distance", json_of(score.distance)}, {first, score.first}, {second, score.second}};
    if (!score.distance) json["missing"] = score.missing;
    return json;
}

Json json_of(const DiversityScore& score) {
    return {{"faces", score.faces},
            {"between_targets", number(score.between)},
            {"change", number(score.change)},
            {"relative", number(score.relative())},
            {"some_targets_equal", number(score.some_equal)},
            {"all_targets_equal", number(score.all_equal)}};
}

template <class Score>
Json or_null(const std::optional<Score>& score) {
    return score ? json_of(*score) : Json(nullptr);
}

Json json_of(const TargetReport& report) {
    Json reconstruction = json_of(report.reconstruction);
    reconstruction["l1"] = number(report.reconstruction.mean() / 127.5);
    return {{"target", report.target},
            {"images", report.images},
            {"truth", or_null(report.truth)},
            {"judged", or_null(report.judged)},
            {"reconstruction", reconstruction},
            {"identity", or_null(report.identity)},
            {"frechet", json_of(report.frechet, "translated", "real")}};
}

Json json_of(const ClassifierReport& judge, const LabelGroup& labels) {
    Json json = {{"accuracy", number(judge.accuracy)},
                 {"trained_on", judge.trained_on},
                 {"held_out", judge.held_out},
                 {"final_loss", number(judge.final_loss)},
                 {"labels", Json::array()}};
    for (size_t i = 0; i < judge.per_label.size() && i < labels.names.size(); ++i) {
        Json label = {{"label", labels.names[i]}, {"accuracy", number(judge.per_label[i])}};
        if (i < judge.majority.size()) label["majority"] = number(judge.majority[i]);
        json["labels"].push_back(label);
    }
    return json;
}

Json json_of(const GroupReport& group) {
    Json targets = Json::array();
    for (const TargetReport& target : group.targets) targets.push_back(json_of(target));
    return {{"name", group.labels.name},
            {"kind", to_string(group.labels.kind)},
            {"labels", group.labels.names},
            {"source", group.source},
            {"held_out", group.held_out},
            {"images", group.images},
            {"classifier", json_of(group.judge, group.labels)},
            {"targets", targets},
            {"overall", json_of(group.overall)},
            {"diversity", json_of(group.diversity)},
            {"true_diversity", or_null(group.true_diversity)},
            {"frechet_floor", json_of(group.floor, "first_half", "second_half")}};
}

Json json_of(const MaskScore& score) {
    return {{"target", score.target},
            {"images", score.images},
            {"moved_right_mask", number(score.moved_right())},
            {"moved_wrong_mask", number(score.moved_wrong())},
            {"change_right_mask", number(score.change_right.value())},
            {"change_wrong_mask", number(score.change_wrong.value())},
            {"judged_right_mask", number(score.judged_right)},
            {"judged_wrong_mask", number(score.judged_wrong)}};
}

Json json_of(const MaskReport& mask) {
    Json targets = Json::array();
    for (const MaskScore& target : mask.targets) targets.push_back(json_of(target));
    return {{"images", mask.images},
            {"labels", mask.labels},
            {"targets", targets},
            {"overall", json_of(mask.overall)}};
}

}  // namespace

std::string to_json(const EvalReport& report) {
    Json json = {{"format", "stargan-evaluation-1"},
                 {"checkpoint", report.checkpoint},
                 {"iteration", report.iteration},
                 {"height", report.height},
                 {"width", report.width},
                 {"generators", report.generators},
                 {"parameters", report.parameters},
                 {"findings", report.findings},
                 {"notes", report.notes},
                 {"groups", Json::array()},
                 {"masks", Json::array()}};
    for (const GroupReport& group : report.groups) json["groups"].push_back(json_of(group));
    for (const MaskReport& mask : report.masks) json["masks"].push_back(json_of(mask));
    // File names need not be UTF-8.
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sg
