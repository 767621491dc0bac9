#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/common/error.h"
#include "tests/catch.h"
#include "train/data/synth_dataset.h"
#include "train/synth/face.h"

namespace {

using namespace sg;
using Picture = std::vector<uint8_t>;

constexpr ImageSize kSize{64, 64};

Picture draw(uint64_t identity, const synth::Attributes& attributes) {
    Picture picture(size_t(kSize.height) * size_t(kSize.width) * 3);
    synth::render(identity, attributes, kSize, picture);
    return picture;
}

std::vector<float> labels_of(const SynthDataset& data, int64_t index) {
    std::vector<float> labels(size_t(data.label_group().dim()));
    data.read_labels(index, labels);
    return labels;
}

}  // namespace

TEST_CASE("synth dataset: items follow from group, seed and index alone") {
    const SynthDataset data(SynthGroup::attributes, 20, 7), longer(SynthGroup::attributes, 30, 7);
    const SynthDataset other(SynthGroup::attributes, 20, 8), faces(SynthGroup::expressions, 20, 7);
    CHECK(data.item_name(12) == "synth/000012");
    for (int64_t i = 0; i < data.size(); ++i) {
        CHECK(data.identity(i) == longer.identity(i));
        CHECK(data.attributes(i) == longer.attributes(i));
        CHECK(data.identity(i) != other.identity(i));
        CHECK(data.identity(i) != faces.identity(i));
        Picture own(64 * 64 * 3), true_answer(64 * 64 * 3);
        data.read_image(i, kSize, own);
        CHECK(own == draw(data.identity(i), data.attributes(i)));
        data.render_with_labels(i, labels_of(data, i), kSize, true_answer);
        CHECK(own == true_answer);
    }
}

TEST_CASE("synth dataset: labels obey their rules and come at the stated rates") {
    constexpr int64_t kItems = 6000;
    const SynthDataset data(SynthGroup::attributes, kItems, 1);
    CHECK(data.label_group().kind == LabelKind::multi_label);
    const std::vector<double> rates{1. / 3, 1. / 3, 1. / 3, 0.5, 0.5};
    for (int64_t i = 0; i < kItems; ++i) {
        const std::vector<float> labels = labels_of(data, i);
        REQUIRE(labels[0] + labels[1] + labels[2] == 1);
    }
    // Four standard deviations of 6000 draws are below 0.026.
    for (size_t k = 0; k < rates.size(); ++k) {
        CHECK(std::abs(double(data.summary().label_counts[k]) / kItems - rates[k]) < 0.026);
    }
    const SynthDataset faces(SynthGroup::expressions, kItems, 1);
    CHECK(faces.label_group().kind == LabelKind::one_hot);
    for (const int64_t count : faces.summary().label_counts) {
        CHECK(std::abs(double(count) / kItems - 0.125) < 0.018);
    }
}

TEST_CASE("synth dataset: what cannot be drawn is refused") {
    const SynthDataset data(SynthGroup::attributes, 3, 1), faces(SynthGroup::expressions, 3, 1);
    Picture out(64 * 64 * 3);
    const auto tried = [&](const SynthDataset& set, std::vector<float> labels) {
        set.render_with_labels(0, labels, kSize, out);
    };
    CHECK_NOTHROW(tried(data, {0, 1, 0, 1, 1}));
    CHECK_THROWS_AS(tried(data, {0, 0, 0, 1, 1}), Error);
    CHECK_THROWS_AS(tried(data, {1, 1, 0, 0, 0}), Error);
    CHECK_THROWS_AS(tried(data, {0.5f, 1, 0, 0, 0}), Error);
    CHECK_NOTHROW(tried(faces, {0, 0, 0, 0, 0, 0, 0, 1}));
    CHECK_THROWS_AS(tried(faces, {0, 0, 0, 0, 0, 0, 0, 0}), Error);
    CHECK_THROWS_AS(tried(faces, {0, 0, 1, 0, 0, 0, 0, 1}), Error);
    CHECK_THROWS_AS(data.item_name(3), Error);
    CHECK_THROWS_AS(SynthDataset(SynthGroup::attributes, 0, 1), Error);
}

TEST_CASE("synth dataset: some labels of a group make a smaller one") {
    constexpr int64_t kItems = 900;
    const SynthDataset few(SynthGroup::expressions, kItems, 3, {"sad", "happy", "angry"}, "moods");
    CHECK(few.label_group().name == "moods");
    CHECK(few.label_group().names == std::vector<std::string>{"sad", "happy", "angry"});
    for (const int64_t count : few.summary().label_counts)
        CHECK(std::abs(double(count) / kItems - 1. / 3) < 0.07);
    const std::vector<synth::Expression> shown{synth::Expression::sad, synth::Expression::happy,
                                               synth::Expression::angry};
    Picture out(64 * 64 * 3);
    for (int64_t i = 0; i < 20; ++i) {
        const auto labels = labels_of(few, i);
        const auto at = std::find(labels.begin(), labels.end(), 1.0f) - labels.begin();
        CHECK(few.attributes(i).expression == shown[size_t(at)]);
        few.render_with_labels(i, std::vector<float>{0, 0, 1}, kSize, out);
        synth::Attributes angry = few.attributes(i);
        angry.expression = synth::Expression::angry;
        CHECK(out == draw(few.identity(i), angry));
    }
    CHECK(few.expression(0) == synth::Expression::sad);
    CHECK(few.expression(2) == synth::Expression::angry);
    CHECK_THROWS_AS(few.expression(3), Error);
    // Labels that are not named stay the item's own.
    const SynthDataset two(SynthGroup::attributes, 20, 3, {"Pale_Skin", "Eyeglasses"});
    for (int64_t i = 0; i < two.size(); ++i) {
        synth::Attributes changed = two.attributes(i);
        CHECK(labels_of(two, i) ==
              std::vector<float>{float(changed.pale_skin), float(changed.eyeglasses)});
        changed.pale_skin = false, changed.eyeglasses = true;
        two.render_with_labels(i, std::vector<float>{0, 1}, kSize, out);
        CHECK(out == draw(two.identity(i), changed));
    }
    CHECK_THROWS_AS(two.expression(0), Error);
    CHECK_THROWS_AS(SynthDataset(SynthGroup::expressions, 3, 1, {"happy"}), Error);
    CHECK_THROWS_AS(SynthDataset(SynthGroup::expressions, 3, 1, {"happy", "bored"}), Error);
    CHECK_THROWS_AS(SynthDataset(SynthGroup::expressions, 3, 1, {"happy", "happy"}), Error);
    CHECK_THROWS_AS(SynthDataset(SynthGroup::attributes, 3, 1, {"Black_Hair", "Eyeglasses"}),
                    Error);
}
