#include <algorithm>
#include <cmath>

#include "model/losses.h"
#include "tests/model_cases.h"
#include "train/data/synth_dataset.h"
#include "train/eval/classifier_training.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// `count` pictures of noise with random labels; some do not decode.
class NoiseData : public Dataset {
  public:
    NoiseData(int64_t count, LabelGroup labels) : count_(count), group_(std::move(labels)) {
        summary_.source = "noise";
        summary_.images = count;
    }
    const LabelGroup& label_group() const override { return group_; }
    const DataSummary& summary() const override { return summary_; }
    int64_t size() const override { return count_; }
    std::string item_name(int64_t index) const override { return std::to_string(index); }
    void read_labels(int64_t index, std::span<float> labels) const override {
        const Rng rng{.seed = 5};
        for (size_t i = 0; i < labels.size(); ++i)
            labels[i] = float(rng.below(uint64_t(index) * labels.size() + i, 2));
    }
    void read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const override {
        if (index >= broken_from) throw Error("image", "damaged");
        const Rng rng{.seed = 6, .iteration = uint32_t(index)};
        for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = uint8_t(rng.below(i, 256));
        std::vector<float> labels(size_t(group_.dim()));
        read_labels(index, labels);
        for (size_t i = 0; sided && i < pixels.size(); ++i)
            if ((i / 3 % size_t(size.width) < size_t(size.width) / 2) == (labels[0] > 0))
                pixels[i] /= 2;
    }

    int64_t broken_from = INT64_MAX;
    bool sided = false;  ///< label 0 says which half is darker; the other labels are random

  private:
    int64_t count_;
    LabelGroup group_;
    DataSummary summary_;
};

Split all_in_both(int64_t count) {
    Split split;
    for (int64_t i = 0; i < count; ++i) split.train.push_back(i);
    split.test = split.train;
    return split;
}

std::vector<std::vector<double>> weights(const Classifier& network) {
    std::vector<std::vector<double>> result;
    for (const Tensor& tensor : network.parameters().tensors()) result.push_back(tensor.to_host());
    return result;
}

TrainedClassifier trained(Device& device, const ClassifierOptions& options) {
    const NoiseData data(40, group("n", LabelKind::multi_label, 2));
    return train_classifier(device, data, all_in_both(40), {16, 16}, options, {});
}

}  // namespace

TEST_CASE("classifier: it learns random labels by heart") {
    const auto device = Device::cpu(2);
    const NoiseData data(32, group("n", LabelKind::multi_label, 3));
    std::vector<std::pair<int, double>> told;
    const ClassifierOptions options{.iterations = 195};
    const auto result =
        train_classifier(*device, data, all_in_both(32), {16, 16}, options,
                         [&](int done, int, double loss) { told.emplace_back(done, loss); });
    CHECK(result.report.accuracy == 1);
    CHECK(result.report.per_label == std::vector<double>(3, 1));
    CHECK(result.report.trained_on == 32);
    CHECK(result.report.held_out == 32);
    REQUIRE(told.size() == 20);
    CHECK(told[0].first == 10);
    CHECK(told[19].first == 195);
    CHECK(told[0].second > 1.5);  // guessing: 3 ln 2 = 2.08
    CHECK(told[19].second < 0.1);
    CHECK(result.report.final_loss == told[19].second);
}

TEST_CASE("classifier: training is a function of its arguments") {
    const auto one = Device::cpu(1), two = Device::cpu(2);
    const auto a = trained(*one, {.iterations = 4, .threads = 1});
    const auto b = trained(*two, {.iterations = 4, .threads = 3});
    const auto c = trained(*two, {.iterations = 4, .seed = 2});
    CHECK(weights(*a.network) == weights(*b.network));
    CHECK(a.report.accuracy == b.report.accuracy);
    CHECK(weights(*a.network) != weights(*c.network));
}

TEST_CASE("classifier: faces and their mirror images are one to it") {
    const auto device = Device::cpu(2);
    NoiseData data(500, group("n", LabelKind::multi_label, 2));
    data.sided = true;  // as easy as can be, but for the mirroring
    const auto report =
        train_classifier(*device, data, make_split(data, 100, 1), {16, 16}, {.iterations = 40}, {})
            .report;
    CHECK(report.per_label[0] < 0.75);  // guessing: 1/2, with 100 images of 5 % standard error
}

TEST_CASE("classifier: the learning rate rises, then falls towards zero") {
    const ClassifierOptions options{.iterations = 200, .learning_rate = 2};
    CHECK(learning_rate(options, 0) == Approx(0.2));
    CHECK(learning_rate(options, 9) == Approx(2));
    CHECK(learning_rate(options, 10) == Approx(2));
    CHECK(learning_rate(options, 105) == Approx(1));
    for (int i = 11; i < 200; ++i) CHECK(learning_rate(options, i) < learning_rate(options, i - 1));
    CHECK(learning_rate(options, 199) < 0.001);
    CHECK(learning_rate(options, 199) > 0);
    // Adam's first step is the rate, whatever the gradient.
    const auto device = Device::cpu(1);
    const auto once = trained(*device, {.iterations = 1, .learning_rate = 1e-3});
    const auto& entries = once.network->parameters().entries();
    const auto bias = weights(*once.network)[entries.size() - 1];
    for (const double b : bias) CHECK(std::abs(b) == Approx(1e-3).epsilon(1e-3));
}

TEST_CASE("classifier: it tells what built-in faces show") {
    const auto device = Device::cpu(2);
    const SynthDataset data(SynthGroup::attributes, 1200, 11);
    const Split split = make_split(data, 200, 1);
    for (const Precision precision : {Precision::f32, Precision::bf16}) {
        CAPTURE(to_string(precision));
        const auto result = train_classifier(*device, data, split, {32, 32},
                                             {.iterations = 60, .precision = precision}, {});
        const ClassifierReport& report = result.report;
        CHECK(report.trained_on == 1000);
        CHECK(report.held_out == 200);
        CHECK(report.accuracy > 0.95);
        for (size_t i = 0; i < report.per_label.size(); ++i) {
            INFO(data.label_group().names[i]);
            CHECK(report.majority[i] >= 0.5);
            CHECK(report.majority[i] < 0.75);
            CHECK(report.per_label[i] > 0.9);
        }
    }
}

TEST_CASE("classifier: accuracy counts labels, or images where one label is set") {
    const LabelGroup several = group("m", LabelKind::multi_label, 2);
    const std::vector<float> logits{1, -2, -0.5f, 3, 0, 0.25f};
    const auto m = label_accuracy(several, logits, std::vector<float>{1, 1, 0, 1, 0, 0});
    CHECK(m.per_label[0] == 1);  // a logit of 0 says no
    CHECK(m.per_label[1] == Approx(1.0 / 3));
    CHECK(m.overall == Approx(4.0 / 6));

    const LabelGroup one = group("o", LabelKind::one_hot, 3);
    const std::vector<float> scores{-3, -1, -2, 5, 6, 7, 1, 0, 0, 2, 1, 0};
    const std::vector<float> classes{0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0};
    const auto o = label_accuracy(one, scores, classes);
    CHECK(o.overall == 0.75);
    CHECK(o.per_label[0] == Approx(2.0 / 3));
    CHECK(o.per_label[1] == 1);
    CHECK(std::isnan(o.per_label[2]));  // no image has it

    const LabelLayout layout{{several}};
    const auto random = uniform(200, 3), targets = uniform(200, 4, 0, 1);
    std::vector<double> wanted;
    for (const double t : targets) wanted.push_back(t > 0.5);
    CHECK(label_accuracy(several, to<float>(random), to<float>(wanted)).overall ==
          Approx(classification_accuracy(layout, 0, random, wanted)));
    expect_error([&] { label_accuracy(several, logits, std::vector<float>(4)); },
                 {"6 logits and 4 labels"});
    expect_error([&] { label_accuracy(several, {}, {}); }, {"0 logits"});
}

TEST_CASE("classifier: the report's baseline is the commoner value or the commonest class") {
    const auto device = Device::cpu(2);
    const SynthDataset faces(SynthGroup::expressions, 100, 3);
    const Split split = make_split(faces, 30, 1);
    const auto report =
        train_classifier(*device, faces, split, {16, 16}, {.iterations = 2}, {}).report;
    std::vector<int> count(8);
    for (const int64_t item : split.test) ++count[size_t(faces.attributes(item).expression)];
    const double commonest = *std::max_element(count.begin(), count.end()) / 30.0;
    for (const double majority : report.majority) CHECK(majority == Approx(commonest));

    const NoiseData noise(40, group("n", LabelKind::multi_label, 2));
    std::vector<double> share(2);
    for (int64_t item = 0; item < 40; ++item) {
        std::vector<float> labels(2);
        noise.read_labels(item, labels);
        for (size_t i = 0; i < 2; ++i) share[i] += labels[i] / 40;
    }
    const auto made = trained(*device, {.iterations = 1}).report.majority;
    for (size_t i = 0; i < 2; ++i) CHECK(made[i] == Approx(std::max(share[i], 1 - share[i])));
}

TEST_CASE("classifier: what cannot be trained is refused by name") {
    const auto device = Device::cpu(1);
    NoiseData data(40, group("n", LabelKind::multi_label, 2));
    Split split = make_split(data, 8, 1);
    const auto train = [&](const ClassifierOptions& options) {
        return [&, options] { train_classifier(*device, data, split, {16, 16}, options, {}); };
    };
    expect_error(train({.iterations = 0}), {"0 iterations"});
    expect_error(train({.batch = 0}), {"batch is 0"});
    expect_error(train({.learning_rate = -1}), {"learning rate is -1"});
    // Adam's steps have the size of the rate, whatever the gradients.
    expect_error(train({.iterations = 40, .learning_rate = 1e30}),
                 {"is not finite in iteration", "of 40", "lower learning rate"});
    CHECK_NOTHROW(train({.iterations = 1, .batch = 1000})());  // all 32 there are
    split.test = {};
    expect_error(train({.iterations = 1}), {"noise", "held out"});
}

TEST_CASE("classifier: held-out images that do not decode are left out") {
    const auto device = Device::cpu(1);
    NoiseData data(40, group("n", LabelKind::multi_label, 2));
    Split split;
    for (int64_t item = 0; item < 40; ++item)
        (item < 34 ? split.train : split.test).push_back(item);
    data.broken_from = 36;
    const ClassifierOptions options{.iterations = 1};
    const auto run = [&] { return train_classifier(*device, data, split, {16, 16}, options, {}); };
    CHECK(run().report.held_out == 2);
    data.broken_from = 34;
    expect_error([&] { run(); }, {"noise", "none of the 6 held-out images"});
}
