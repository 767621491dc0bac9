// Which pairs there are, and who translates what.
#include <set>

#include "tests/catch.h"
#include "tests/pairwise_run.h"
#include "tests/temp_dir.h"
#include "train/eval/pairwise_translator.h"
#include "train/pairwise.h"

using namespace sg;
using sg::testing::TempDir;
using sg::testing::three_moods;
namespace fs = std::filesystem;

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

TEST_CASE("the classes of pairs are named once, then the data are not needed", "[pairwise]") {
    TrainConfig config = three_moods();
    config.data = {"synth:expressions"};
    CHECK_THROWS_WITH(plan_pairwise(config, "run"), Catch::Contains("names 0 classes"));
    const TrainConfig named = name_classes(config);
    CHECK(data_sources(named).front().labels ==
          std::vector<std::string>{"angry", "contemptuous", "disgusted", "fearful", "happy",
                                   "neutral", "sad", "surprised"});
    CHECK(named.baseline == "pairwise");
    config.data = {"folders:nowhere,labels=a+b"};
    CHECK(plan_pairwise(config, "run").size() == 2);
    CHECK_THROWS_AS(name_classes(config), Error);
}

TEST_CASE("pairs need classes, iterations, and one split for all", "[pairwise]") {
    TrainConfig config = three_moods();
    config.data = {"synth:attributes"};
    CHECK_THROWS_WITH(name_classes(config), Catch::Contains("is multi-label"));
    config = three_moods();
    config.num_iters = 5;
    CHECK_THROWS_WITH(plan_pairwise(config, "run"), Catch::Contains("by the 6 pairs of 3 classes"));
    config = three_moods();
    config.data.push_back("synth:attributes");
    CHECK_THROWS_WITH(name_classes(config), Catch::Contains("2 data sets given"));
    const TempDir dir;
    for (const char* name : {"a/1.png", "a/2.png", "b/1.png", "b/2.png"})
        write_png(dir.file(name), {.height = 8, .width = 8, .pixels = std::vector<uint8_t>(192)});
    config.data = {"folders:" + dir.path()};
    CHECK_THROWS_WITH(name_classes(config), Catch::Contains("marks no held-out images"));
}

TEST_CASE("classes that no folder can be named after have no pairs", "[pairwise]") {
    for (const std::string name : {"in/out", "happy+sad", "yes, no"}) {
        const TempDir dir;
        for (const char* file : {"x.png", "y.png", "z.png"})
            write_png(dir.file(file),
                      {.height = 8, .width = 8, .pixels = std::vector<uint8_t>(192)});
        dir.write("faces.csv",
                  "file,class,split\nx.png,\"" + name + "\",train\ny.png,b,train\nz.png,b,test\n");
        TrainConfig config = three_moods();
        config.data = {"csv:" + dir.file("faces.csv")};
        CHECK_THROWS_WITH(name_classes(config), Catch::Contains("class '" + name + "' of data"));
    }
}

TEST_CASE("whoever reads results of pairs is told which are not finished", "[pairwise]") {
    const TempDir dir;
    const auto device = Device::cpu(1);
    TrainConfig config = three_moods();
    config.num_iters = config.num_iters_decay = 12;
    config.model_save_step = 6;
    const fs::path run = dir.file("run");
    train_pairwise(*device, {.config = config, .run = run}, {});
    CHECK(PairwiseTranslator(*device, run).notes().empty());
    fs::remove(run / "pairs/sad-to-happy/checkpoints/iteration-00000002.safetensors");
    const PairwiseTranslator all(*device, run);
    CHECK(all.notes() == std::vector<std::string>{"pair sad-to-happy is at iteration 1 of 2"});
    CHECK(all.info().iteration == 11);
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
    CHECK(all.notes().empty());
    CHECK_FALSE(all.translates_to_own_labels());
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
