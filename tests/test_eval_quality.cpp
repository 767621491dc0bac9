// What translators whose quality is known get: who copies, who draws the truth, who heeds no mask.
#include "tests/eval_oracle.h"
#include "tests/eval_setup.h"

using namespace sg;
using namespace sg::testing;
using Catch::Detail::Approx;

namespace {

MaskTest expressions_on_attributes(const Setup& s, const ImageTranslator& translator) {
    return {.translator = translator,
            .from = 0,
            .to = 1,
            .data = s.faces.attributes,
            .expressions = &s.faces.expressions,
            .items = {2, 3, 5, 7, 11},
            .size = kFaceSize,
            .judge = stripe_judge(8),
            .slice = 3};
}

}  // namespace

TEST_CASE("differences between targets are those of every pair") {
    Setup s;
    const Waves waves(s.faces.alone);
    const std::vector<int64_t> items = {1, 2, 5, 8, 13};
    const DiversityScore score = s.measure(waves, 0, items).report.diversity;
    double between = 0, change = 0, some = 0;
    for (const int64_t item : items) {
        std::vector<Single> ones;
        for (int label = 0; label < 5; ++label)
            ones.push_back(translate_one(*s.device, waves, s.faces.attributes, 0, item, label));
        bool equal = false;
        for (size_t i = 0; i < 5; ++i) {
            change += mean_difference(ones[i].output_bytes, ones[i].input_bytes) / 5;
            for (size_t j = i + 1; j < 5; ++j) {
                const double d = mean_difference(ones[i].output_bytes, ones[j].output_bytes);
                between += d / 10;
                equal = equal || d < 1;
            }
        }
        some += equal;
    }
    CHECK(score.faces == 5);
    CHECK(score.between == Approx(between / 5));
    CHECK(score.change == Approx(change / 5));
    CHECK(score.relative() == Approx(between / change));
    CHECK(score.some_equal == Approx(some / 5));
}

TEST_CASE("two equal columns are enough to be flagged") {
    /// Heeds all labels but the last: flipping it is like asking for the hair that is there.
    class Forgetful : public Waves {
      public:
        using Waves::Waves;
        std::vector<float> change(std::span<const float> image,
                                  std::span<const float> target) const override {
            std::vector<float> heeded(target.begin(), target.end());
            heeded.back() = 0;
            return Waves::change(image, heeded);
        }
    };
    Setup s;
    EvalReport report;
    report.groups.push_back(s.measure(Forgetful(s.faces.alone), 0).report);
    CHECK(report.groups[0].diversity.some_equal == 1);
    CHECK(report.groups[0].diversity.all_equal == 0);
    CHECK_THAT(find_trouble(report).at(0),
               mentions("columns equal: for 100 % of the faces two different targets"));
}

TEST_CASE("handing back the input is as good as copying, and flagged") {
    Setup s;
    EvalReport report;
    report.groups.push_back(s.measure(Copier(s.faces.alone), 0).report);
    const GroupReport& group = report.groups[0];
    CHECK(group.overall.truth->translated.mean() == group.overall.truth->copy.mean());
    CHECK(group.overall.judged->asked == group.overall.judged->copy);
    CHECK(*group.overall.judged->others_kept == 1);
    CHECK(group.overall.reconstruction.mean() == 0);
    CHECK(group.overall.identity->same == 0);
    CHECK(group.overall.identity->closer == Approx(1));
    CHECK(group.diversity.between == 0);
    CHECK(group.diversity.all_equal == 1);
    CHECK(std::isnan(group.diversity.relative()));
    CHECK(group.true_diversity->all_equal < 0.5);
    const auto findings = find_trouble(report);
    REQUIRE(findings.size() == 2);
    CHECK_THAT(findings[0], mentions("all columns equal: for 100 % of the faces all 5 targets"));
    CHECK_THAT(findings[1], mentions("no better than copying"));
}

TEST_CASE("drawing the truth has no error and an infinite PSNR") {
    Setup s;
    INFO("seed " << s.faces.seed);
    const int group = GENERATE(0, 1);
    EvalReport report;
    const Oracle oracle(s.faces, group == 0 ? s.faces.alone : s.faces.both, group, true);
    report.groups.push_back(s.measure(oracle, group).report);
    const GroupReport& all = report.groups[0];
    CHECK(all.overall.truth->translated.mean() == 0);
    CHECK(all.overall.truth->copy.mean() > 0);
    CHECK(std::isinf(all.overall.truth->translated.psnr()));
    CHECK(std::isfinite(all.overall.truth->copy.psnr()));
    CHECK(all.overall.reconstruction.mean() < 1e-4);
    CHECK(all.diversity.between == all.true_diversity->between);
    CHECK(find_trouble(report).empty());
}

TEST_CASE("without a translation to a face's own labels there is no share of the true change") {
    Setup s;
    for (const bool own : {true, false}) {
        const Waves waves(s.faces.both);
        const WavesOverOthers over_others(s.faces.both);
        const ImageTranslator& translator = own ? waves : over_others;
        EvalReport report;
        report.groups.push_back(s.measure(translator, 0).report);
        report.masks.push_back(
            measure_mask(*s.device, expressions_on_attributes(s, translator), {}, s.notes));
        CHECK(report.groups[0].overall.truth->translated.mean() > 0);
        CHECK(std::isnan(report.groups[0].overall.truth->change.value()) != own);
        CHECK(std::isnan(report.masks[0].overall.change_right.value()) != own);
        CHECK(std::isnan(report.masks[0].overall.change_wrong.value()) != own);
        const bool null = to_json(report).find("\"change\": null") != std::string::npos;
        CHECK(null != own);
    }
}

TEST_CASE("the mask test tells who heeds the mask") {
    Setup s;
    INFO("seed " << s.faces.seed);
    const auto measure = [&](const ImageTranslator& translator) {
        EvalReport report;
        report.masks.push_back(
            measure_mask(*s.device, expressions_on_attributes(s, translator), {}, s.notes));
        return report;
    };
    const EvalReport heeding = measure(Oracle(s.faces, s.faces.both, 0, true));
    const MaskScore& all = heeding.masks[0].overall;
    CHECK(heeding.masks[0].images == "synth");
    CHECK(heeding.masks[0].labels == "synth-expressions");
    CHECK(all.moved_right() == 1);
    CHECK(all.moved_wrong() == 0);
    CHECK(all.change_right.value() == Approx(1));
    CHECK(all.change_wrong.value() == 0);
    CHECK(all.copy.mean() > 1);
    CHECK(find_trouble(heeding).empty());
    // Of each face, the targets that are not the face's own expression.
    CHECK(all.images == 5 * 7);

    const EvalReport ignoring = measure(Oracle(s.faces, s.faces.both, 0, false));
    CHECK(ignoring.masks[0].overall.moved_wrong() == 1);
    CHECK(ignoring.masks[0].overall.change_wrong.value() == Approx(1));
    REQUIRE(find_trouble(ignoring).size() == 1);
    CHECK_THAT(find_trouble(ignoring)[0], mentions("the mask is ignored"));

    const EvalReport copying = measure(Copier(s.faces.both));
    CHECK(copying.masks[0].overall.moved_right() == 0);
    REQUIRE(find_trouble(copying).size() == 1);
    CHECK_THAT(find_trouble(copying)[0], mentions("nothing of the true change"));
}

TEST_CASE("progress in the mask test counts only pixels that the truth changes") {
    Setup s;
    const SynthDataset moods(SynthGroup::expressions, 40, s.faces.seed, {"surprised", "sad"});
    const LabelLayout both{{s.faces.attributes.label_group(), moods.label_group()}};
    const Waves waves(both);
    const int64_t item = 6;
    const int label = 1;  // sad, as nobody in the other group is
    const MaskReport report = measure_mask(*s.device,
                                           {.translator = waves,
                                            .from = 0,
                                            .to = 1,
                                            .data = s.faces.attributes,
                                            .expressions = &moods,
                                            .items = {item},
                                            .size = kFaceSize,
                                            .judge = stripe_judge(2)},
                                           {}, s.notes);
    std::vector<uint8_t> input(kValues), truth(kValues);
    s.faces.attributes.read_image(item, kFaceSize, input);
    auto wanted = s.faces.attributes.attributes(item);
    wanted.expression = synth::Expression::sad;
    synth::render(s.faces.attributes.identity(item), wanted, kFaceSize, truth);
    const auto floats = floats_of(Image{kFaceSize.height, kFaceSize.width, input});
    double right = 0, wrong = 0, copy = 0;
    for (const bool mask_is_right : {true, false}) {
        std::vector<float> target(size_t(both.label_dim()));
        target[size_t(5 + label)] = 1;
        target[size_t(mask_is_right ? 8 : 7)] = 1;
        const auto out =
            image_from_float(waves.change(floats, target), kFaceSize.height, kFaceSize.width)
                .pixels;
        for (size_t i = 0; i < size_t(kValues); ++i) {
            const size_t p = i / 3 * 3;
            if (std::equal(&input[p], &input[p] + 3, &truth[p])) continue;
            (mask_is_right ? right : wrong) += std::abs(int(out[i]) - int(truth[i]));
            copy += 0.5 * std::abs(int(input[i]) - int(truth[i]));
        }
    }
    const MaskScore& score = report.targets[size_t(label)];
    REQUIRE(score.images == 1);
    CHECK(score.moved_right() == Approx(1 - right / copy));
    CHECK(score.moved_wrong() == Approx(1 - wrong / copy));
    CHECK(score.moved_right() != score.moved_wrong());
}
