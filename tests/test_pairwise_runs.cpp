// Pairwise training that is stopped, killed, resumed, or begun in the wrong folder.
#include <fstream>

#include "engine/atomic_file.h"
#include "tests/catch.h"
#include "tests/pairwise_run.h"
#include "tests/temp_dir.h"
#include "train/pairwise.h"

using namespace sg;
using sg::testing::TempDir;
using sg::testing::three_moods;
namespace fs = std::filesystem;

namespace {

std::string bytes(const fs::path& file) {
    return sg::testing::read_text(file.string());
}

}  // namespace

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
    request.config.samples = 1;                               // says nothing about the result
    write_file_atomically(written, to_toml(request.config));  // as the user spells the data
    CHECK(train_pairwise(*device, request, {}).finished);
    CHECK(in_file().samples == 1);
    const FolderLock other(request.run);
    CHECK_THROWS_WITH(train_pairwise(*device, request, {}), Catch::Contains("is in use"));
}
