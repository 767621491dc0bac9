#include <numeric>

#include "tests/packed_folder.h"
#include "train/batch.h"
#include "train/config.h"
#include "train/data/loader.h"
#include "train/resident.h"

using namespace sg;
using namespace sg::testing;

TEST_CASE("a pack with damaged images, or a part of it, can be resident", "[packs]") {
    PackedFolder packed(20);  // 13 are happy, and 7 sad
    const int happy = packed.dice.roll(0, 12), sad = packed.dice.roll(13, 19);
    INFO("seed " << packed.dice.seed());
    for (const int victim : {happy, sad}) flip_byte(packed.path(), packed.image_begin(victim));
    const auto device = Device::cpu(1);
    DataSource only_sad;
    only_sad.labels = {"sad"};
    for (const auto& [selection, damaged] :
         {std::pair{DataSource{}, std::vector<int64_t>{happy, sad}}, {only_sad, {sad - 13}}}) {
        const auto data = packed.open(selection);
        CHECK(choose_resident("on", {data.get()}, packed.size, {}) == std::vector{true});
        const ResidentImages resident(*device, *data, packed.size);
        CHECK(resident.damaged() == damaged);
        LoaderOptions options{.batch = 5, .size = packed.size};
        std::vector<int64_t> items(size_t(data->size()), 0);
        std::iota(items.begin(), items.end(), 0);
        Loader with_pixels(*data, items, options);
        options.pixels = false;
        options.damaged = damaged;
        Loader without(*data, items, options);
        const LabelLayout layout{.groups = {data->label_group()}};
        BatchUploader bytes(*device, 5, packed.size, layout, 0, 9);
        BatchUploader numbers(*device, 5, packed.size, layout, 0, 9, &resident);
        for (int i = 0; i < 6; ++i) {
            const auto a = bytes.upload(with_pixels.next()), b = numbers.upload(without.next());
            CHECK(a.x_real.to_host_f32() == b.x_real.to_host_f32());
            CHECK(a.c_org.to_host_f32() == b.c_org.to_host_f32());
        }
    }
}

TEST_CASE("a run can take some of a pack's labels", "[packs]") {
    const TempDir dir;
    Dice dice;
    std::string rows = "6\nBald Male Young\n";
    for (int i = 0; i < 6; ++i) {
        write_png(dir.file(fmt::format("img/{}.png", i)), random_image(dice, 8, 8));
        rows += fmt::format("{}.png {} {} {}\n", i, i % 2, i / 3, 1);
    }
    dir.write("list_attr_celeba.txt", rows);
    TrainConfig config;
    config.data = {"celeba:" + dir.path() + "/img,name=faces"};
    config.selected_attrs.clear();
    const auto attributes = dir.path() + "/attributes.sgpack";
    make_pack(
        {.source = data_sources(config).front(), .out = attributes, .open = {.size = {4, 4}}});
    const auto open = [&](const std::string& text) {
        config.data = {text};
        return open_dataset(data_sources(config).front(), {});
    };
    CHECK(open(attributes)->label_group().dim() == 3);
    CHECK(open(attributes)->label_group().name == "faces");
    const auto some = open("pack:" + attributes + ",labels=Male+Bald,name=other");
    CHECK(some->label_group() == LabelGroup{"other", LabelKind::multi_label, {"Male", "Bald"}});
    CHECK(some->summary().label_counts == std::vector<int64_t>{3, 3});
    for (int64_t i = 0; i < 6; ++i)
        CHECK(all_labels(*some)[size_t(i)] == std::vector<float>{float(i / 3), float(i % 2)});
    CHECK_THROWS_WITH(open(attributes + ",labels=Blad"), mentions("Bald"));
    CHECK_THROWS_WITH(open(attributes + ",labels=Bald+Bald"), mentions("twice"));
    CHECK_THROWS_WITH(open("pack:" + attributes + ",test=" + dir.path()), mentions("does not fit"));

    const PackedFolder classes;
    const auto sad = open(classes.path() + ",labels=sad");
    REQUIRE(sad->size() == 4);
    CHECK(sad->stored(classes.size));
    const auto all = classes.open();
    for (int64_t i = 0, next = 0; i < 12; ++i) {
        if (!all->item_name(i).starts_with("sad/")) continue;
        CHECK(sad->item_name(next) == all->item_name(i));
        CHECK(pixels_of(*sad, next++, classes.size) == pixels_of(*all, i, classes.size));
    }
    CHECK(sad->summary().images == 4);
}
