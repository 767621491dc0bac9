#include <fstream>
#include <set>

#include "engine/atomic_file.h"
#include "tests/catch.h"
#include "tests/temp_dir.h"
#include "tests/tiny_run.h"
#include "train/eval/pairwise_translator.h"
#include "train/pairwise.h"

using namespace sg;
using sg::testing::TempDir;
namespace fs = std::filesystem;

namespace {

TrainConfig three_moods() {
    TrainConfig c = sg::testing::tiny_run();
    c.data = {"synth:expressions,labels=happy+sad+neutral"};
    c.n_critic = 1;
    c.num_iters = 24;
    c.num_iters_decay = 12;
    c.log_step = 2;
    c.baseline = "pairwise";
    return c;
}

std::string bytes(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

TEST_CASE("every ordered pair of classes gets its share of the iterations", "[pairwise]") {
    TrainConfig config = three_moods();
    config.sample_step = 5;
    config.model_save_step = 13;
    const auto runs = plan_pairwise(config, "run");
    REQUIRE(runs.size() == 6);
    std::set<std::pair<int, int>> pairs;
    for (const PairwiseRun& one : runs) {
        CHECK(one.from != one.to);
        pairs.insert({one.from, one.to});
        CHECK(one.config.num_iters == 4);
        CHECK(effective_decay(one.config) == 2);
        CHECK(one.config.sample_step == 1);
        CHECK(one.config.model_save_step == 2);
        CHECK_NOTHROW(validate(one.config));
    }
    CHECK(pairs.size() == 6);
    CHECK(runs[0].folder == fs::path("run/pairs/happy-to-sad"));
    const auto source = data_sources(runs[0].config).front();
    CHECK(source.labels == std::vector<std::string>{"happy", "sad"});
}

TEST_CASE("pairs need classes, iterations, and one split for all", "[pairwise]") {
    TrainConfig config = three_moods();
    config.data = {"synth:attributes"};
    CHECK_THROWS_WITH(plan_pairwise(config, "run"), Catch::Contains("is multi-label"));
    config = three_moods();
    config.num_iters = 5;
    CHECK_THROWS_WITH(plan_pairwise(config, "run"), Catch::Contains("by the 6 pairs of 3 classes"));
    config = three_moods();
    config.data.push_back("synth:attributes");
    CHECK_THROWS_WITH(plan_pairwise(config, "run"), Catch::Contains("2 data sets given"));
    const TempDir dir;
    for (const char* name : {"a/1.png", "a/2.png", "b/1.png", "b/2.png"})
        write_png(dir.file(name), {.height = 8, .width = 8, .pixels = std::vector<uint8_t>(192)});
    config.data = {"folders:" + dir.path()};
    CHECK_THROWS_WITH(plan_pairwise(config, "run"), Catch::Contains("marks no held-out images"));
}

TEST_CASE("pairwise training goes on where it was stopped", "[pairwise]") {
    const TempDir dir;
    const auto device = Device::cpu(1);
    std::atomic<bool> stop = false;
    int64_t seen = 0;
    TrainObserver observer;
    observer.progress = [&](int64_t iteration, const Metrics&) {
        CHECK(iteration == seen + 1);  // counted over all pairs
        seen = iteration;
        stop = iteration == 10;
    };
    TrainRequest request{.config = three_moods(), .run = dir.file("run"), .stop = &stop};
    const TrainResult first = train_pairwise(*device, request, observer);
    CHECK_FALSE(first.finished);
    CHECK(first.iteration == 10);
    CHECK_THROWS_WITH(train_pairwise(*device, request, observer),
                      Catch::Contains("already holds a run"));
    stop = false;
    request.resume = true;
    const TrainResult rest = train_pairwise(*device, request, observer);
    CHECK(rest.finished);
    CHECK(rest.iteration == 24);
    CHECK(seen == 24);
    for (const PairwiseRun& one : plan_pairwise(request.config, request.run)) {
        const auto checkpoint = latest_checkpoint(one.folder);
        REQUIRE(checkpoint);
        CHECK(read_checkpoint_info(*checkpoint).iteration == 4);
    }
}

TEST_CASE("a pair that has no readable checkpoint starts anew", "[pairwise]") {
    const TempDir dir;
    const auto device = Device::cpu(1);
    TrainConfig config = three_moods();
    config.num_iters = config.num_iters_decay = 12;
    TrainRequest request{.config = config, .run = dir.file("run")};
    train_pairwise(*device, request, {});
    const auto pairs = fs::path(request.run) / "pairs";
    // One was killed before its first checkpoint, of one the only checkpoint is damaged.
    const std::string metrics = bytes(pairs / "sad-to-happy/metrics.jsonl");
    const std::string name = "checkpoints/iteration-00000002.safetensors";
    const std::string weights = bytes(pairs / "sad-to-happy" / name);
    fs::remove_all(pairs / "sad-to-happy/checkpoints");
    std::ofstream(pairs / "sad-to-happy/metrics.jsonl", std::ios::app) << R"({"iteration":9,"cut)";
    const fs::path damaged = pairs / "happy-to-sad" / name;
    fs::resize_file(damaged, fs::file_size(damaged) - 9);

    std::string said;
    TrainObserver observer;
    observer.message = [&](const std::string& line) { said += line; };
    request.resume = true;
    CHECK(train_pairwise(*device, request, observer).finished);
    CHECK_THAT(said, Catch::Contains("happy-to-sad has no readable checkpoint: it starts anew"));
    CHECK_THAT(said, Catch::Contains("sad-to-happy has no readable checkpoint: it starts anew"));
    CHECK_THAT(said, Catch::Contains("skipped a damaged checkpoint: " + damaged.string()));
    CHECK(bytes(pairs / "sad-to-happy/metrics.jsonl") == metrics);
    CHECK((bytes(pairs / "sad-to-happy" / name) == weights));
    CHECK(fs::exists(damaged.string() + ".damaged"));
    CHECK(latest_checkpoint(pairs / "happy-to-sad") == damaged);
}

TEST_CASE("pairs of classes and other training leave each other's folders alone", "[pairwise]") {
    const TempDir dir;
    const auto device = Device::cpu(1);
    TrainConfig config = three_moods();
    config.num_iters = config.num_iters_decay = 6;
    TrainRequest pairs{.config = config, .run = dir.file("pairs")}, plain = pairs;
    plain.config.baseline = "none";
    plain.run = dir.file("plain");
    train_pairwise(*device, pairs, {});
    train(*device, plain, {});
    const std::string of_pairs = bytes(pairs.run / "config.toml");
    const std::string of_plain = bytes(plain.run / "config.toml");
    CHECK_THAT(of_pairs, Catch::Contains("baseline = \"pairwise\""));

    std::swap(pairs.run, plain.run);
    for (const bool resume : {false, true}) {
        pairs.resume = plain.resume = resume;
        CHECK_THROWS_WITH(train_pairwise(*device, pairs, {}),
                          Catch::Contains(resume ? "holds no pairwise training to resume"
                                                 : "already holds a run"));
        CHECK_THROWS_WITH(train(*device, plain, {}),
                          Catch::Contains(resume ? "holds pairwise training: a run per pair"
                                                 : "already holds a run"));
    }
    CHECK(bytes(pairs.run / "config.toml") == of_plain);
    CHECK(bytes(plain.run / "config.toml") == of_pairs);
    CHECK_FALSE(fs::exists(pairs.run / "pairs"));
    CHECK_FALSE(fs::exists(plain.run / "checkpoints"));
}

TEST_CASE("a resumed pairwise run keeps the settings that its result depends on", "[pairwise]") {
    const TempDir dir;
    const auto device = Device::cpu(1);
    TrainRequest request{.config = three_moods(), .run = dir.file("run")};
    request.config.num_iters = request.config.num_iters_decay = 6;
    const fs::path written = request.run / "config.toml";
    const auto in_file = [&] {
        TrainConfig config;
        apply_toml_file(config, written.string());
        return config;
    };
    train_pairwise(*device, request, {});
    request.resume = true;
    request.config.seed = 2;
    CHECK_THROWS_WITH(train_pairwise(*device, request, {}),
                      Catch::Contains("cannot change between its pairs: seed: 1 -> 2"));
    CHECK(in_file().seed == 1);
    request.config.seed = 1;
    request.config.samples = 1;  // says nothing about the result
    CHECK(train_pairwise(*device, request, {}).finished);
    CHECK(in_file().samples == 1);
    const FolderLock other(request.run);
    CHECK_THROWS_WITH(train_pairwise(*device, request, {}), Catch::Contains("is in use"));
}

TEST_CASE("an image goes through the generator of its own class and the target's", "[pairwise]") {
    const TempDir dir;
    const auto device = Device::cpu(1);
    TrainConfig config = three_moods();
    config.num_iters = config.num_iters_decay = 6;
    const fs::path run = dir.file("run");
    CHECK_THROWS_AS(PairwiseTranslator(*device, run), Error);
    train_pairwise(*device, {.config = config, .run = run}, {});
    const PairwiseTranslator all(*device, run);
    CHECK(all.generators() == 6);
    CHECK(all.info().iteration == 6);
    CHECK(all.labels().groups[0].names == std::vector<std::string>{"happy", "sad", "neutral"});

    std::vector<float> pixels(4 * 32 * 32 * 3);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = float(i * 37 % 101) / 50 - 1;
    const Tensor images =
        Tensor::from_host(*device, {4, 32, 32, 3}, std::span<const float>(pixels));
    const std::vector<float> own{0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0};  // sad happy neutral sad
    const std::vector<float> target{0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1};
    const auto got = all.translate(images, own, target).to_host_f32();
    const size_t size = 32 * 32 * 3;
    const auto wanted = [&](const char* pair, size_t n) {
        const StarGanTranslator one(*device, resolve_checkpoint(run / "pairs" / pair));
        const Tensor image = Tensor::from_host(
            *device, {1, 32, 32, 3}, std::span<const float>(pixels).subspan(n * size, size));
        return one.translate(image, std::vector<float>{1, 0}, std::vector<float>{0, 1})
            .to_host_f32();
    };
    const auto part = [&](const std::vector<float>& from, size_t n) {
        return std::vector<float>(from.begin() + int64_t(n * size),
                                  from.begin() + int64_t((n + 1) * size));
    };
    CHECK((part(got, 0) == wanted("sad-to-neutral", 0)));
    CHECK((part(got, 1) == wanted("happy-to-sad", 1)));
    CHECK((part(got, 2) == part(pixels, 2)));  // neutral already
    CHECK((part(got, 3) == wanted("sad-to-neutral", 3)));
    const StarGanTranslator one(*device, resolve_checkpoint(run / "pairs" / "sad-to-happy"));
    CHECK(all.parameters() == 6 * one.parameters());
}
