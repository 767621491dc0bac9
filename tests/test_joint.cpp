#include <set>

#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/floats_of.h"
#include "tests/temp_dir.h"
#include "tests/tiny_run.h"
#include "train/batch.h"
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
