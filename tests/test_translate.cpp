// Translating photos with a network that knows several label groups.
#include <set>

#include "tests/temp_dir.h"
#include "train/checkpoint.h"
#include "train/translate.h"

using namespace sg;
using namespace sg::testing;

namespace {

namespace fs = std::filesystem;

constexpr int kSide = 16;

/// An untrained network with two groups, and one photo.
struct Case {
    Case() {
        ModelConfig config;
        config.height = config.width = kSide;
        config.g_conv_dim = config.d_conv_dim = 8;
        config.g_repeat_num = 1;
        config.d_repeat_num = 2;
        config.labels.groups = {{"faces", LabelKind::multi_label, {"Blond_Hair", "Young"}},
                                {"moods", LabelKind::one_hot, {"happy", "n/a"}}};
        StarGan model(*device, config, Precision::f32, 0);
        initialise(model, 5);
        request.checkpoint = dir.file("net.safetensors");
        save_checkpoint(request.checkpoint, model,
                        {.model = config, .settings = "{}", .crop_sizes = {0, 0}});
        write_png(dir.file("me.png"), pattern_image(kSide, kSide));
        request.inputs = {dir.file("me.png")};
        request.from = "Blond_Hair=0,Young=1,moods.happy";
        request.out = dir.path() + "/out";
    }
    std::vector<Translated> translate() {
        return translate_files(*device, request,
                               [this](const std::string& reason) { skipped.push_back(reason); });
    }
    Image output(const std::string& name) const {
        return read_image_file((request.out / ("me__" + name + ".png")).string());
    }

    TempDir dir;
    std::unique_ptr<Device> device = Device::cpu(1);
    TranslateRequest request;
    std::vector<std::string> skipped;
};

/// The `i`-th of the square pictures in a row.
std::vector<uint8_t> part(const Image& row, int i) {
    std::vector<uint8_t> pixels;
    for (int y = 0; y < kSide; ++y) {
        const auto begin = row.pixels.begin() + (y * row.width + i * kSide) * 3;
        pixels.insert(pixels.end(), begin, begin + kSide * 3);
    }
    return pixels;
}

}  // namespace

TEST_CASE("a strip never mixes label groups", "[translate]") {
    Case c;
    c.request.set = {"Blond_Hair=1", "n/a"};
    c.request.strip = 2;
    CHECK(c.translate().size() == 1);
    const Image strip = c.output("strip");
    REQUIRE(strip.width == 6 * kSide);
    // From the photo's own labels of either group, in two steps.
    const char* expected[] = {"Blond_Hair=0", "Blond_Hair=0.5", "Blond_Hair=1",
                              "happy",        "moods.n_a=0.5",  "moods.n_a=1"};
    for (int i = 0; i < 6; ++i) {
        INFO(expected[i]);
        std::string set = expected[i];
        std::replace(set.begin(), set.end(), '_', set.starts_with("moods") ? '/' : '_');
        c.request.set = {set};
        c.request.strip = 0;
        c.translate();
        CHECK(part(strip, i) == part(c.output(expected[i]), 0));
    }
}

TEST_CASE("names of labels become names of files", "[translate]") {
    Case c;
    std::set<std::string> names;
    for (const Translated& one : c.translate()) names.insert(one.output.filename().string());
    CHECK(names == std::set<std::string>{"me__faces.Blond_Hair=1.png", "me__faces.Young=0.png",
                                         "me__moods.happy=1.png", "me__moods.n_a=1.png"});
}

TEST_CASE("a photo that the settings leave no class is left out and named", "[translate]") {
    Case c;
    c.request.set = {"moods.happy=0"};
    CHECK_THROWS_WITH(c.translate(), mentions("none of the 1 inputs could be translated"));
    REQUIRE(c.skipped.size() == 1);
    CHECK_THAT(c.skipped[0], mentions("me.png") && mentions("no class of 'moods' is left"));
    // What is wrong for every photo is no photo's fault.
    c.skipped.clear();
    c.request.set = {"moods.happy=1,moods.n/a=1"};
    CHECK_THROWS_WITH(c.translate(), mentions("exclude each other"));
    CHECK(c.skipped.empty());
}
