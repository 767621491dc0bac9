#include <cmath>

#include "tests/model_cases.h"
#include "tests/temp_dir.h"
#include "train/eval/classifier_training.h"

using namespace sg;
using namespace sg::testing;

namespace {

struct Saved {
    TempDir folder;
    std::string path = folder.file("classifier.safetensors");
    std::unique_ptr<Device> device = Device::cpu(1);
    TrainedClassifier made;

    explicit Saved(Precision precision = Precision::f32) {
        const ClassifierConfig config{.height = 12,
                                      .width = 8,
                                      .labels = group("two words", LabelKind::one_hot, 3),
                                      .dim = 3,
                                      .stages = 5,
                                      .features = 7};
        made.network = std::make_unique<Classifier>(*device, config, precision);
        initialise(*made.network, 9);
        made.report = {.accuracy = 2.0 / 3,
                       .per_label = {1, std::nan(""), 0.1},
                       .majority = {0.5, 0.5, 0.5},
                       .trained_on = 123456789012,
                       .held_out = 7,
                       .final_loss = 0.3};
        save_classifier(path, *made.network, made.report, "faces 1");
    }
    std::optional<TrainedClassifier> load(const std::string& fingerprint = "faces 1") {
        return load_classifier(*device, path, fingerprint);
    }
    /// The file with the byte at `place` (from the end if negative) changed.
    void damage(int64_t place) {
        std::string bytes = read_text(path);
        bytes[size_t(place < 0 ? int64_t(bytes.size()) + place : place)] ^= 1;
        folder.write("classifier.safetensors", bytes);
    }
};

}  // namespace

TEST_CASE("classifier: a saved one is the same after loading") {
    for (const Precision precision : {Precision::f32, Precision::bf16, Precision::tf32}) {
        CAPTURE(to_string(precision));
        Saved saved(precision);
        const auto loaded = saved.load();
        REQUIRE(loaded);
        const Classifier &made = *saved.made.network, &read = *loaded->network;
        CHECK(read.config() == made.config());
        CHECK(read.config().stages == 2);
        CHECK(read.precision() == precision);
        const Tensor x = random_tensor(*saved.device, {2, 12, 8, 3}, DType::f32, 1);
        CHECK(read.forward(x).logits.to_host() == made.forward(x).logits.to_host());
        CHECK(loaded->report.accuracy == 2.0 / 3);
        REQUIRE(loaded->report.per_label.size() == 3);
        CHECK(loaded->report.per_label[0] == 1);
        CHECK(std::isnan(loaded->report.per_label[1]));
        CHECK(loaded->report.per_label[2] == 0.1);
        CHECK(loaded->report.majority == std::vector<double>(3, 0.5));
        CHECK(loaded->report.trained_on == 123456789012);
        CHECK(loaded->report.held_out == 7);
        CHECK(loaded->report.final_loss == 0.3);
    }
}

TEST_CASE("classifier: no file and another fingerprint are no classifier, damage is an error") {
    Saved saved;
    CHECK_FALSE(saved.load("faces 2"));
    CHECK_FALSE(load_classifier(*saved.device, saved.folder.file("other"), "faces 1"));
    const std::string good = read_text(saved.path);
    saved.damage(-5);
    expect_error([&] { saved.load(); }, {"classifier.safetensors", "checksum", "damaged"});
    expect_error([&] { saved.load("faces 2"); }, {"checksum"});
    for (const char* text : {"accuracy", "faces 1", "one_hot"}) {
        saved.folder.write("classifier.safetensors", good);
        CHECK(saved.load());
        saved.damage(int64_t(good.find(text)) + 4);
        expect_error([&] { saved.load(); }, {"checksum"});
    }
    saved.folder.write("classifier.safetensors", good.substr(0, good.size() - 1));
    expect_error([&] { saved.load(); }, {"classifier.safetensors"});
    std::string foreign = good;
    foreign[foreign.find("classifier-1")] = 'K';
    saved.folder.write("classifier.safetensors", foreign);
    expect_error([&] { saved.load(); }, {"stargan-Klassifier-1", "expected stargan-classifier-1"});
}
