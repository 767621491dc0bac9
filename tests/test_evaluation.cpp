// The measurements of one target, against loops over single images.
#include "tests/eval_setup.h"

using namespace sg;
using namespace sg::testing;
using Catch::Detail::Approx;

namespace {

int argmax(const std::vector<float>& values) {
    return int(std::max_element(values.begin(), values.end()) - values.begin());
}

/// TargetReport of one label, added up image by image.
struct Expected {
    Expected(const LabelGroup& labels, int of) : group(labels), label(of) {}

    const LabelGroup& group;
    int label;
    double faces = 0, error = 0, copy = 0, squares = 0, l1 = 0, along = 0, whole = 0;
    double asked = 0, untouched = 0, real = 0, kept = 0, others = 0;
    std::vector<float> inputs, outputs, given, with_label;

    void add(const Single& one) {
        const auto before = stripes(one.input), after = stripes(one.output);
        const auto append = [](std::vector<float>& to, const std::vector<float>& from) {
            to.insert(to.end(), from.begin(), from.end());
        };
        if (one.own[size_t(label)] == 1) append(with_label, before);
        if (one.own == one.target) return;
        ++faces;
        error += mean_difference(one.output_bytes, one.truth);
        copy += mean_difference(one.input_bytes, one.truth);
        for (size_t i = 0; i < one.truth.size(); ++i) {
            squares += std::pow(double(one.output_bytes[i]) - double(one.truth[i]), 2);
            const double wanted = double(one.truth[i]) - double(one.input_bytes[i]);
            along += wanted * (double(one.output_bytes[i]) - double(one.unchanged[i]));
            whole += wanted * wanted;
            l1 += std::abs(double(one.back[i]) - double(one.input[i])) / double(kValues);
        }
        append(inputs, before);
        append(outputs, after);
        if (one.target[size_t(label)] == 1) append(given, after);
        judge(one, logits_of(before), logits_of(after));
    }

    void judge(const Single& one, const std::vector<float>& in, const std::vector<float>& out) {
        const auto is = [&](const auto& logits, const auto& labels) {
            if (group.kind == LabelKind::one_hot) return argmax(logits) == argmax(labels);
            return (logits[size_t(label)] > 0) == (labels[size_t(label)] == 1);
        };
        asked += is(out, one.target);
        untouched += is(in, one.target);
        real += is(in, one.own);
        for (int k = 0; k < group.dim() && group.kind == LabelKind::multi_label; ++k) {
            if (k == label || (k < 3 && label < 3)) continue;  // hair excludes hair
            ++others;
            kept += (in[size_t(k)] > 0) == (out[size_t(k)] > 0);
        }
    }

    std::vector<float> logits_of(const std::vector<float>& features) const {
        std::vector<float> logits;
        for (size_t k = 0; k < size_t(group.dim()); ++k)
            logits.push_back(features[k + 1] - features[k]);
        return logits;
    }
};

void check_pixels(const TargetReport& target, const Expected& e) {
    REQUIRE(target.truth);
    CHECK(target.truth->faces == int64_t(e.faces));
    CHECK(target.truth->translated.mean() == Approx(e.error / e.faces));
    CHECK(target.truth->copy.mean() == Approx(e.copy / e.faces));
    CHECK(target.truth->change.value() == Approx(e.along / e.whole).margin(1e-9));
    const double rms = std::sqrt(e.squares / e.faces / double(kValues));
    CHECK(target.truth->translated.psnr() == Approx(20 * std::log10(255 / rms)));
    CHECK(target.reconstruction.mean() / 127.5 == Approx(e.l1 / e.faces).epsilon(1e-4));
}

void check_judged(const TargetReport& target, const Expected& e) {
    REQUIRE(target.judged);
    CHECK(target.judged->asked == Approx(e.asked / e.faces));
    CHECK(target.judged->copy == Approx(e.untouched / e.faces));
    CHECK(target.judged->real == Approx(e.real / e.faces));
    REQUIRE(target.judged->others_kept.has_value() == (e.others > 0));
    if (e.others > 0) CHECK(*target.judged->others_kept == Approx(e.kept / e.others));
}

void check_features(const TargetReport& target, const Expected& e) {
    const auto given = int64_t(e.given.size()) / 10, real = int64_t(e.with_label.size()) / 10;
    CHECK(target.frechet.first == given);
    CHECK(target.frechet.second == real);
    REQUIRE(target.frechet.distance.has_value() == (given > 1 && real > 1));
    CHECK(target.frechet.missing.empty() == target.frechet.distance.has_value());
    if (target.frechet.distance)
        CHECK(*target.frechet.distance ==
              Approx(frechet_distance(e.given, given, e.with_label, real, 10)).margin(1e-6));
    REQUIRE(target.identity.has_value() == (e.faces > 1));
    if (!target.identity) return;
    const auto expected = identity_distances(e.inputs, e.outputs, int64_t(e.faces), 10, 5);
    CHECK(target.identity->same == Approx(expected.same));
    CHECK(target.identity->other == Approx(expected.other));
    CHECK(target.identity->closer == Approx(expected.closer));
}

}  // namespace

TEST_CASE("every number of a target is what a loop over single images says") {
    Setup s;
    INFO("seed " << s.faces.seed);
    const int group = GENERATE(0, 1);
    const SynthDataset& data = s.faces.of(group);
    const LabelGroup& names = data.label_group();
    const Waves waves(s.faces.both);
    const std::vector<int64_t> items = {0, 3, 4, 7, 11, 12, 20, 25, 39};
    const GroupReport report = s.measure(waves, group, items).report;
    CHECK(report.images == 9);
    REQUIRE(int(report.targets.size()) == names.dim());
    double errors = 0, faces = 0;
    for (int label = 0; label < names.dim(); ++label) {
        Expected expected(names, label);
        for (const int64_t item : items)
            expected.add(translate_one(*s.device, waves, data, group, item, label));
        errors += expected.error;
        faces += expected.faces;
        const TargetReport& target = report.targets[size_t(label)];
        INFO(target.target);
        CHECK(target.target == names.names[size_t(label)]);
        REQUIRE(target.images == int64_t(expected.faces));
        check_features(target, expected);
        if (expected.faces > 0) {
            check_pixels(target, expected);
            check_judged(target, expected);
        } else {
            CHECK((!target.truth && !target.judged));
        }
    }
    REQUIRE(report.overall.truth);
    CHECK(report.overall.truth->translated.mean() == Approx(errors / faces));
    CHECK(report.overall.images == int64_t(faces));
    CHECK(report.overall.frechet.first == int64_t(faces));
    CHECK(report.overall.frechet.second == 9);
    CHECK(report.floor.first == 5);
    CHECK(report.floor.second == 4);
}

TEST_CASE("cases are sorted from the best to the worst") {
    Setup s;
    const Waves waves(s.faces.alone);
    const GroupResult result = s.measure(waves, 0);
    for (size_t label = 0; label < 5; ++label) {
        REQUIRE(result.cases[label].by_truth == (result.report.targets[label].images > 0));
        double last = 0;
        for (const auto& [item, score] : result.cases[label].cases) {
            const auto one =
                translate_one(*s.device, waves, s.faces.attributes, 0, item, int(label));
            CHECK(score == Approx(mean_difference(one.output_bytes, one.truth)));
            CHECK(score >= last);
            last = score;
        }
    }
}
