// Held-out images stay held out, whatever is found out about files or changed in them.
#include <filesystem>

#include "tests/pack_cases.h"
#include "tests/tiny_run.h"
#include "train/data/list_files.h"
#include "train/data/pack_dataset.h"
#include "train/eval/eval_data.h"
#include "train/eval/evaluate.h"
#include "train/make_pack.h"
#include "train/trainer.h"

using namespace sg;
using namespace sg::testing;

namespace {

namespace fs = std::filesystem;

/// Its header is good, its pixels are not.
void cut_off(const std::string& path) {
    fs::resize_file(path, fs::file_size(path) / 2);
}

std::vector<std::string> held_out_names(const Dataset& data) {
    std::vector<std::string> names;
    for (const int64_t item : make_split(data, 9, 7).test) names.push_back(data.item_name(item));
    return names;
}

/// Two classes of images of one size.
struct Classes {
    explicit Classes(int count) {
        for (int i = 0; i < count; ++i) write_png(file(i), random_image(dice, 24, 24));
        config.data = {"folders:" + dir.path() + "/data"};
        config.test_count = 6;
        config.num_iters = 4;
        config.num_iters_decay = 2;
        config.packs = "off";
    }
    std::string file(int i) const {
        return dir.file(fmt::format("data/{}/{:02}.png", i % 2 ? "happy" : "sad", i));
    }
    TrainResult train(bool resume, int64_t iterations) const {
        return sg::train(
            *device, {.config = config, .run = run(), .resume = resume, .stop_after = iterations},
            {});
    }
    fs::path run() const { return dir.path() + "/run"; }

    TempDir dir;
    Dice dice;
    TrainConfig config = tiny_run();
    std::unique_ptr<Device> device = Device::cpu(2);
};

}  // namespace

TEST_CASE("a damaged file changes the part of no other", "[datasets]") {
    Classes images(40);
    INFO("seed " << images.dice.seed());
    const FileList list = list_folders({.root = images.dir.path() + "/data"});
    const auto whole = held_out_names(*make_file_dataset(list, {.verify_all = true}));
    REQUIRE(whole.size() == 9);
    const int victim = images.dice.roll(0, 39);
    cut_off(images.file(victim));
    std::vector<std::string> left = whole;
    std::erase_if(left, [&](const auto& name) { return images.file(victim).ends_with(name); });

    CHECK(held_out_names(*make_file_dataset(list, {.verify_all = false})) == whole);
    const auto decoded = make_file_dataset(list, {.verify_all = true});
    REQUIRE(decoded->size() == 39);
    CHECK(held_out_names(*decoded) == left);
    const DataSource source = folders_source(list.root);
    const std::string path = images.dir.path() + "/all.sgpack";
    make_pack({.source = source, .out = path, .open = {.size = {4, 4}}});
    const auto open = [&](const DataSource& selection) {
        return make_pack_dataset(std::make_unique<PackFile>(path), selection, {});
    };
    CHECK(held_out_names(*open({})) == left);
    DataSource turned;
    turned.labels = {"sad", "happy"};
    CHECK(held_out_names(*open(turned)) == left);
    const auto cached = open_packed(list, source, {.folder = images.dir.path(), .size = {4, 4}});
    REQUIRE(cached);
    CHECK(held_out_names(*cached) == left);
}

TEST_CASE("others do not take the part of held-out images that are of no use", "[datasets]") {
    const TempDir dir;
    for (const char* name : {"train/a/1.png", "train/b/1.png", "train/c/1.png", "test/c/1.png"})
        write_png(dir.file(name), pattern_image(4, 4));
    DataSource source = folders_source(dir.path());
    source.labels = {"a", "b"};
    CHECK_THROWS_WITH(list_files(source, 1), mentions("no held-out image is of class a, b"));
    source.labels = {};
    make_pack({.source = source, .out = dir.path() + "/p.sgpack", .open = {.size = {4, 4}}});
    source.labels = {"a", "b"};
    CHECK_THROWS_WITH(
        make_pack_dataset(std::make_unique<PackFile>(dir.path() + "/p.sgpack"), source, {}),
        mentions("no held-out image") && mentions("of class a, b"));
    source.labels = {"c", "a"};
    CHECK(list_files(source, 1).names.size() == 3);
    cut_off(dir.file("test/c/1.png"));
    CHECK_THROWS_WITH(make_file_dataset(list_files(source, 1), {.verify_all = true}),
                      mentions("none of the held-out images decodes") && mentions("test/c/1.png"));
}

TEST_CASE("a run does not go on with other held-out images", "[training]") {
    Classes images(30);
    INFO("seed " << images.dice.seed());
    images.train(false, 2);
    const CheckpointInfo info = read_checkpoint_info(resolve_checkpoint(images.run()));
    REQUIRE(info.held_out.size() == 1);
    const std::string first = images.dir.file("data/happy/00.png");  // all others move by one
    write_png(first, random_image(images.dice, 24, 24));
    CHECK_THROWS_WITH(
        images.train(true, 1),
        mentions("other images are held out now than in this run so far") && mentions("data.txt"));
    const EvalRequest request{.checkpoint = images.run(), .classifier = {.iterations = 2}};
    const auto doubted = evaluate(*images.device, request).findings;
    REQUIRE(!doubted.empty());
    CHECK_THAT(doubted.back(), mentions("other images are held out now than in the training"));
    EvalRequest elsewhere = request;
    elsewhere.data = images.config.data;
    const auto notes = evaluate(*images.device, elsewhere).notes;
    REQUIRE(!notes.empty());
    CHECK_THAT(notes.back(), mentions("not the images that the training held out"));

    fs::remove(first);
    CHECK(images.train(true, 1).iteration == 3);
    for (const std::string& finding : evaluate(*images.device, request).findings)
        CHECK_THAT(finding, !mentions("held out now"));
    images.config.test_count = 7;
    CHECK_THROWS_WITH(images.train(true, 1), mentions("other images are held out"));
}

TEST_CASE("a judge of other crops is another judge", "[evaluation]") {
    const Classes images(30);
    CheckpointInfo info;
    info.settings = to_json(images.config);
    info.model.labels.groups = {{"folders", LabelKind::one_hot, {"happy", "sad"}}};
    const auto fingerprint = [&](const std::string& keys) {
        const auto sets = open_eval_data(info, {images.config.data[0] + keys}, 0, {}, {});
        REQUIRE(sets.size() == 1);
        return classifier_fingerprint(sets[0], {16, 16}, {});
    };
    CHECK(fingerprint("") == fingerprint(",crop=0"));
    CHECK(fingerprint("") != fingerprint(",crop=10"));
}
