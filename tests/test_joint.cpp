#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/floats_of.h"
#include "tests/temp_dir.h"
#include "tests/tiny_run.h"
#include "train/batch.h"
#include "train/joint_schedule.h"
#include "train/trainer.h"
#include "train/training_data.h"

// One generator taught by differently labelled data sets (paper, sections 3.2 and 3.3).

using namespace sg;
using namespace sg::testing;
namespace fs = std::filesystem;

namespace {

TrainConfig tiny_joint(const std::string& counting) {
    TrainConfig c = tiny_run();
    c.data = {"synth:attributes", "synth:expressions,labels=happy+sad+neutral,name=moods"};
    c.n_critic = 3;
    c.num_iters = 12;
    c.num_iters_decay = 4;
    c.joint_iteration = counting;
    return c;
}

std::string bytes_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Trained {
    TrainResult result;
    std::vector<Metrics> logged;
};

Trained run(const TrainConfig& config, const fs::path& folder, int64_t stop_after = 0,
            bool resume = false) {
    const auto device = Device::cpu(2);
    Trained trained;
    TrainObserver observer;
    observer.metrics = [&](const Metrics& m) { trained.logged.push_back(m); };
    trained.result = train(
        *device, {.config = config, .run = folder, .resume = resume, .stop_after = stop_after},
        observer);
    return trained;
}

}  // namespace

TEST_CASE("the official counting steps on every data set in every iteration", "[joint]") {
    // Written out from the official solver: for i, for data set: D; if (i + 1) % n_critic == 0: G.
    for (const int sets : {1, 2, 3})
        for (const int n_critic : {1, 2, 5}) {
            const JointSchedule schedule(sets, "all", n_critic);
            for (int64_t i = 0; i < 20; ++i) {
                const auto steps = schedule.steps(i);
                REQUIRE(int(steps.size()) == sets);
                for (int s = 0; s < sets; ++s)
                    CHECK(steps[s] == JointSchedule::Step{s, i, (i + 1) % n_critic == 0});
                CHECK(schedule.batches_before(sets - 1, i) == i);
            }
        }
}

TEST_CASE("counting single steps changes the number of iterations, not their order", "[joint]") {
    for (const int sets : {1, 2, 3})
        for (const int n_critic : {1, 2, 5}) {
            const JointSchedule all(sets, "all", n_critic), one(sets, "one", n_critic);
            std::vector<JointSchedule::Step> wanted, got;
            for (int64_t i = 0; i < 30; ++i)
                for (const auto& step : all.steps(i)) wanted.push_back(step);
            std::map<int, int64_t> given;
            for (int64_t i = 0; i < 30 * sets; ++i) {
                for (int s = 0; s < sets; ++s) CHECK(one.batches_before(s, i) == given[s]);
                REQUIRE(one.steps(i).size() == 1);
                got.push_back(one.steps(i)[0]);
                ++given[got.back().set];
            }
            CHECK(got == wanted);
            CHECK(one.turn() == sets);
            CHECK(one.steps_per_iteration() == 1);
        }
    CHECK_THROWS_AS(JointSchedule(2, "some", 5), Error);
}

TEST_CASE("fakes are made together between two G steps, wherever a run begins", "[joint]") {
    using Batches = JointSchedule::Batches;
    const JointSchedule five(1, "one", 5), twelve(1, "one", 12);
    for (const int64_t block : {0, 7}) {
        for (int64_t step = 0; step < 4; ++step)
            CHECK(five.together(5 * block + step) == Batches{5 * block, 4});
        CHECK(five.together(5 * block + 4) == Batches{5 * block + 4, 1});
        for (int64_t step = 0; step < 11; ++step)
            CHECK(twelve.together(12 * block + step) ==
                  (step < 8 ? Batches{12 * block, 8} : Batches{12 * block + 8, 3}));
        CHECK(twelve.together(12 * block + 11) == Batches{12 * block + 11, 1});
        CHECK(JointSchedule(1, "one", 1).together(block) == Batches{block, 1});
    }
    // No G step of any data set lies between the D steps of such batches.
    for (const int sets : {1, 2, 3})
        for (const std::string counting : {"all", "one"})
            for (const int n_critic : {1, 2, 5, 12}) {
                const JointSchedule schedule(sets, counting, n_critic);
                int64_t g_steps = 0;
                std::map<std::pair<int, int64_t>, std::set<int64_t>> seen;
                for (int64_t i = 0; i < 100; ++i)
                    for (const auto& step : schedule.steps(i)) {
                        const Batches together = schedule.together(step.batch);
                        CHECK((step.batch >= together.first &&
                               step.batch < together.first + together.count));
                        CHECK((!step.g_step || together.count == 1));
                        seen[{step.set, together.first}].insert(g_steps);
                        g_steps += step.g_step;
                    }
                for (const auto& [batches, between] : seen) CHECK(between.size() == 1);
            }
}

TEST_CASE("data come in whole groups of batches, wherever a run begins", "[joint]") {
    TrainConfig config = tiny_joint("one");
    config.n_critic = 11;
    const auto device = Device::cpu(1);
    const JointSchedule schedule(2, "one", config.n_critic);
    // The pixels of the batches that come with every step, from iteration `start` on.
    struct Fetched {
        std::vector<std::vector<double>> group;
        std::vector<double> own;
        bool operator==(const Fetched&) const = default;
    };
    const auto fetch_from = [&](int64_t start) {
        TrainingData data(
            config, {}, [](const std::string&) {}, nullptr);
        data.start(*device, schedule, start);
        std::vector<Fetched> all;
        for (int64_t i = start; i < 50; ++i) {
            const auto step = schedule.steps(i)[0];
            Fetched fetched;
            for (const TrainingBatch& batch : data.fetch(step)) {
                CHECK(batch.group == step.set);
                fetched.group.push_back(batch.x_real.to_host());
            }
            CHECK(data.fetch(step).empty());
            const TrainingBatch batch = data.take(step);
            fetched.own = batch.x_real.to_host();
            all.push_back(fetched);
        }
        return all;
    };
    const auto straight = fetch_from(0);
    CHECK(straight[0].group.size() == 8);
    CHECK(straight[0].own == straight[0].group[0]);
    CHECK(straight[2].group.empty());
    CHECK(straight[2].own == straight[0].group[1]);
    for (const int64_t start : {1, 5, 17, 20, 22}) {
        const auto resumed = fetch_from(start);
        for (size_t i = 0; i < resumed.size(); ++i) {
            CHECK(resumed[i].own == straight[i + size_t(start)].own);
            if (i > 1) CHECK(resumed[i].group == straight[i + size_t(start)].group);
        }
        // The group that the first step belongs to comes whole.
        const auto step = schedule.steps(start)[0];
        const auto [first, count] = schedule.together(step.batch);
        CHECK(resumed[0].group == straight[size_t(2 * first + step.set)].group);
        CHECK(int(resumed[0].group.size()) == count);
    }
}

TEST_CASE("a joint run writes what it did on every data set", "[joint]") {
    for (const std::string counting : {"all", "one"}) {
        INFO(counting);
        const TempDir folder;
        const TrainConfig config = tiny_joint(counting);
        const fs::path straight = folder.file("straight"), parts = folder.file("parts");
        const Trained trained = run(config, straight);
        REQUIRE(trained.result.finished);
        CHECK(trained.result.truth.size() == 5 + 3);

        std::set<std::string> names;
        std::vector<int64_t> iterations;
        for (const Metrics& m : trained.logged) {
            names.insert(m.data);
            iterations.push_back(m.iteration);
            CHECK(nlohmann::json::parse(to_json_line(m)).at("data") == m.data);
        }
        CHECK(names == std::set<std::string>{"synth", "moods"});
        CHECK(iterations == (counting == "all" ? std::vector<int64_t>{4, 4, 8, 8, 12, 12}
                                               : std::vector<int64_t>{3, 4, 7, 8, 11, 12}));

        const CheckpointInfo info = read_checkpoint_info(trained.result.checkpoint);
        REQUIRE(info.model.labels.groups.size() == 2);
        CHECK(info.model.labels.groups[1].name == "moods");
        CHECK(info.model.labels.label_dim() == 5 + 3 + 2);
        CHECK(info.d_updates == (counting == "all" ? 24 : 12));
        CHECK(info.g_updates == info.d_updates / 3);

        // Stopped in the middle of a turn and of n_critic, it goes on as if it had not been.
        run(config, parts, 7);
        const Trained resumed = run(config, parts, 0, true);
        CHECK((bytes_of(resumed.result.checkpoint) == bytes_of(trained.result.checkpoint)));
        CHECK(bytes_of(parts / "metrics.jsonl") == bytes_of(straight / "metrics.jsonl"));
        CHECK(bytes_of(straight / "samples" / "columns.txt").find("8 moods.neutral") !=
              std::string::npos);
        CHECK(bytes_of(straight / "data.txt").find("[moods]") != std::string::npos);
    }
}

TEST_CASE("data sets of one name are refused, and so is a test folder of several", "[joint]") {
    TrainConfig config = tiny_joint("all");
    config.data = {"synth", "synth:attributes"};
    CHECK_THROWS_WITH(validate(config), Catch::Contains("two data sets are called 'synth'") &&
                                            Catch::Contains("name="));
    config.data.push_back("synth:expressions");
    config.test_dir = "somewhere";
    CHECK_THROWS_WITH(validate(config), Catch::Contains("cannot belong to 3 data sets"));
    config.data.clear();
    CHECK_THROWS_WITH(validate(config), Catch::Contains("there is no data set"));
}

TEST_CASE("the second data set draws other numbers than the first, the first those of a run alone",
          "[joint]") {
    CHECK(seed_of_set(7, 0) == 7);
    std::set<uint64_t> seeds;
    for (const uint64_t seed : {1, 2, 3})
        for (int set = 0; set < 4; ++set) seeds.insert(seed_of_set(seed, set));
    CHECK(seeds.size() == 12);
}

namespace {

/// How much of the true change a picture moves along it from another one: 1 if it makes all of it,
/// 0 if none.
double share_of_change(const std::vector<float>& before, const std::vector<float>& after,
                       const std::vector<float>& input, const std::vector<float>& truth) {
    double along = 0, length = 0;
    for (size_t i = 0; i < input.size(); ++i) {
        const double wanted = truth[i] - input[i];
        along += (after[i] - before[i]) * wanted;
        length += wanted * wanted;
    }
    return along / length;
}

}  // namespace

TEST_CASE("the right mask applies more of an expression to faces of the other data set",
          "[joint]") {
    // The paper's test of the mask vector (section 5.6), against true renderings. Training is
    // chaotic: another build is another run. Eight seeds at 200 iterations gave 61 to 102 % of the
    // change with the right mask and 25 to 53 % with the wrong one, 24 to 62 points apart. Later
    // both shrink.
    const TempDir folder;
    const auto device = Device::cpu(2);
    TrainConfig config = tiny_joint("all");
    config.data = {"synth:attributes,labels=Eyeglasses+Pale_Skin",
                   "synth:expressions,labels=neutral+surprised,name=moods"};
    config.synth_count = 1000;
    config.test_count = 32;
    config.batch_size = 8;
    config.g_conv_dim = config.d_conv_dim = 16;
    config.n_critic = 1;
    config.g_lr = config.d_lr = 1e-3;
    config.num_iters = 200;
    config.num_iters_decay = 100;
    const TrainResult result = train(*device, {.config = config, .run = folder.file("run")}, {});
    const CheckpointInfo info = read_checkpoint_info(result.checkpoint);
    StarGan model(*device, info.model, Precision::f32);
    load_checkpoint(result.checkpoint, model, LoadMoments::no);

    // Held-out neutral faces of the attributes, to be surprised, under either mask.
    const SynthDataset data(SynthGroup::attributes, config.synth_count, 1);
    const Split split = make_split(data, config.test_count, 1);
    const ImageSize size = parse_image_size(config.image_size);
    double right = 0, wrong = 0;
    int faces = 0;
    for (const int64_t item : split.test) {
        synth::Attributes attributes = data.attributes(item);
        if (attributes.expression != synth::Expression::neutral) continue;
        Image input{size.height, size.width, std::vector<uint8_t>(size_t(size.height) * 96)};
        Image truth = input;
        data.read_image(item, size, input.pixels);
        attributes.expression = synth::Expression::surprised;
        synth::render(data.identity(item), attributes, size, truth.pixels);
        const auto x = floats_of(input), wanted = floats_of(truth);
        const auto translated = [&](float surprised, float mask_of_attributes) {
            const std::vector<float> labels{
                0, 0, 1 - surprised, surprised, mask_of_attributes, 1 - mask_of_attributes};
            return translate(model.G,
                             Tensor::from_host(*device, {1, 32, 32, 3}, std::span<const float>(x)),
                             Tensor::from_host(*device, {1, 6}, std::span<const float>(labels)))
                .to_host_f32();
        };
        const auto share = [&](float mask) {
            return share_of_change(translated(0, mask), translated(1, mask), x, wanted);
        };
        right += share(0);
        wrong += share(1);
        ++faces;
    }
    REQUIRE(faces >= 10);
    WARN("share of the true change: right mask " << right / faces << ", wrong mask "
                                                 << wrong / faces);
    CHECK(right / faces > 0.3);
    CHECK(right / faces > wrong / faces + 0.05);
}
