#include <map>

#include "tests/support.h"
#include "tests/temp_dir.h"
#include "tests/tiny_run.h"
#include "train/trainer.h"

// A run whose losses the host reads rarely is the run whose losses it reads at once.

using namespace sg;
using namespace sg::testing;
namespace fs = std::filesystem;

namespace {

/// Networks whose scores grow by some digits in every iteration, until D/loss_gp overflows.
TrainConfig exploding_run() {
    TrainConfig c = tiny_run();
    c.d_conv_dim = 16;
    c.d_repeat_num = 5;
    c.lambda_gp = c.lambda_cls = 0;
    c.d_lr = 0.99;
    c.num_iters = 40;
    return c;
}

/// Everything that a run wrote, by path.
std::map<std::string, std::string> files(const fs::path& run) {
    std::map<std::string, std::string> result;
    for (const auto& entry : fs::recursive_directory_iterator(run)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        result[fs::relative(entry.path(), run).string()] = {std::istreambuf_iterator<char>(in), {}};
    }
    return result;
}

struct Outcome {
    std::map<std::string, std::string> files;
    std::vector<std::string> logged;  ///< what the observer was told at each log_step
    std::string error;                ///< without the run's folder
};

Outcome run(const TrainConfig& config, int64_t read_every) {
    const TempDir folder;
    const fs::path run = folder.file("run");
    const auto device = Device::cpu(2);
    Outcome outcome;
    TrainObserver observer;
    observer.metrics = [&](const Metrics& m) { outcome.logged.push_back(to_json_line(m)); };
    try {
        train(*device, {.config = config, .run = run}, observer, read_every);
    } catch (const Error& error) {
        outcome.error = error.what();
        const size_t at = outcome.error.find(run.string());
        if (at != std::string::npos) outcome.error.erase(at, run.string().size());
    }
    outcome.files = files(run);
    return outcome;
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

void check_same(const Outcome& got, const Outcome& want) {
    CHECK(got.error == want.error);
    CHECK(got.logged == want.logged);
    REQUIRE(got.files.size() == want.files.size());
    for (const auto& [path, bytes] : want.files) {
        INFO(path);
        REQUIRE(got.files.contains(path));
        CHECK((got.files.at(path) == bytes));  // not to be printed
    }
}

}  // namespace

TEST_CASE("what a run writes does not depend on when the host looks", "[train]") {
    TrainConfig config = tiny_run();
    config.sample_step = 6;
    config.model_save_step = 7;
    const Outcome at_once = run(config, 1);
    CHECK(at_once.error.empty());
    CHECK(at_once.logged.size() == 5);
    REQUIRE(at_once.files.contains("checkpoints/iteration-00000014.safetensors"));
    check_same(run(config, config.log_step), at_once);
    for (const auto& [gan, log_step] : {std::pair("wgan-gp", 3), std::pair("vanilla", 1)}) {
        config.gan = gan;
        config.log_step = log_step;
        const Outcome late = run(config, 1'000'000);  // only before something is saved
        check_same(late, run(config, 1));
        for (const std::string& line : late.logged)  // of G's last step, from iteration 2 on
            CHECK(holds(line, "G/loss_rec") == !holds(line, "\"iteration\":1,"));
    }
}

TEST_CASE("a number that is not finite stops the run where it was, however late", "[train]") {
    const TrainConfig config = exploding_run();
    const Outcome at_once = run(config, 1);
    INFO(at_once.error);
    CHECK(at_once.error.starts_with("train: iteration "));
    CHECK(
        holds(at_once.error, ": D/loss_gp is inf; last good checkpoint: none yet (hint: a lower"));
    const int failed = std::stoi(at_once.error.substr(std::string("train: iteration ").size()));
    REQUIRE(failed > 3);
    CHECK(int(at_once.logged.size()) == (failed - 1) / config.log_step);

    TrainConfig other = config;
    other.log_step = failed + 4;  // the failure lies in the middle of an interval
    check_same(run(other, other.log_step), run(other, 1));
    other.log_step = 1;  // good iterations before the failure are still logged
    const Outcome good = run(other, 10);
    check_same(good, run(other, 1));
    for (const std::string& line : good.logged) CHECK_FALSE(holds(line, "null"));  // infinity
    other.model_save_step = failed - 2;
    const Outcome saved = run(other, 1000);
    CHECK(holds(saved.error,
                fmt::format("last good checkpoint: /checkpoints/iteration-{:08}", failed - 2)));
    check_same(saved, run(other, 1));
    other.model_save_step = failed;  // a halted model is not saved
    check_same(run(other, 1000), run(other, 1));
}

TEST_CASE("a gradient that is not finite is named as it is", "[train]") {
    TrainConfig config = tiny_run();
    config.lambda_gp = 1e39;  // infinite in f32
    check_same(run(config, 4), run(config, 1));
    CHECK(run(config, 4).error.starts_with(
        "train: iteration 1: the gradient of D.main.0.weight is not finite; "));
    config.lambda_gp = 10;
    config.lambda_rec = 1e39;  // of G, which has its first step in iteration 2
    check_same(run(config, 4), run(config, 1));
    CHECK(run(config, 4).error.starts_with("train: iteration 2: the gradient of G."));
}

TEST_CASE("between two log points a run downloads nothing", "[train]") {
    const TempDir folder;
    const auto device = Device::cpu(2);
    const TrainConfig config = tiny_run();
    std::vector<std::pair<int64_t, int64_t>> seen;  // iteration, downloads so far
    TrainObserver observer;
    observer.progress = [&](int64_t iteration, const Metrics& last) {
        CHECK(last.iteration == iteration);
        seen.emplace_back(iteration, device->downloads());
    };
    train(*device, {.config = config, .run = folder.file("run")}, observer, config.log_step);
    REQUIRE(seen.size() == 5);
    for (size_t i = 1; i < seen.size(); ++i) {
        CHECK(seen[i].first == seen[i - 1].first + 4);
        CHECK(seen[i].second == seen[i - 1].second + 2);  // the log and the guard
    }
}
