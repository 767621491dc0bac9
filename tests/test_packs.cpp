#include "tests/packed_folder.h"
#include "train/data/loader.h"
#include "train/data/synth_dataset.h"

using namespace sg;
using namespace sg::testing;

namespace {

std::string refusal(const std::string& path) {
    try {
        PackFile{path};
    } catch (const Error& error) {
        return error.what();
    }
    return "opened";
}

}  // namespace

TEST_CASE("a pack holds what decoding gives, byte for byte", "[packs]") {
    const PackedFolder packed(20);
    INFO("seed " << packed.dice.seed());
    const auto files = make_file_dataset(
        list_folders({.root = packed.source.place, .crop = packed.source.crop, .name = "folders"}),
        {.verify_all = true});
    const auto data = packed.open();
    REQUIRE(data->size() == 20);
    CHECK(all_pixels(*data, packed.size) == all_pixels(*files, packed.size));
    CHECK(all_labels(*data) == all_labels(*files));
    CHECK(data->label_group() == files->label_group());
    for (int64_t i = 0; i < 20; ++i) CHECK(data->item_name(i) == files->item_name(i));
    CHECK(data->stored(packed.size));
    const PackFile pack(packed.path());
    CHECK(reinterpret_cast<uintptr_t>(pack.image(0).data()) % 4096 == 0);
    CHECK(pack.image(19).data() == pack.image(0).data() + 19 * pack_image_bytes(packed.size));

    // What was found is said in the same words.
    DataSummary summary = data->summary();
    CHECK(summary.source == "pack " + packed.path() + " (" + files->summary().source + ")");
    summary.source = files->summary().source;
    CHECK(to_string(summary, data->label_group()) ==
          to_string(files->summary(), files->label_group()));
    CHECK(summary.skipped_corrupt == 1);
    CHECK_THAT(summary.skipped.at(0).path, mentions("broken.png"));

    const ImageSize other{packed.size.height + 1, packed.size.width};
    CHECK(!data->stored(other));
    CHECK_THROWS_WITH(pixels_of(*data, 0, other), mentions("holds images of"));
}

TEST_CASE("a truncated pack is refused wherever it ends", "[packs]") {
    const PackedFolder packed;
    const std::string whole = read_text(packed.path());
    const uint64_t size = whole.size(), begin = packed.index_begin();
    for (const uint64_t length :
         {uint64_t{0}, uint64_t{7}, uint64_t{8}, uint64_t{48}, uint64_t{4095}, uint64_t{4096},
          begin - 1, begin, begin + 1, begin + 8 * 12, size - 1, size + 1}) {
        const std::string path = packed.dir.write("cut.sgpack", (whole + "x").substr(0, length));
        INFO(length);
        CHECK_THAT(refusal(path), mentions(path));
        if (length < 8) {
            CHECK_THAT(refusal(path), mentions("is no pack") || mentions("cannot"));
        } else {
            CHECK_THAT(refusal(path), mentions(fmt::format("{} bytes", length)));
            CHECK_THAT(refusal(path), mentions("truncated"));
        }
        if (length >= 4096) CHECK_THAT(refusal(path), mentions(fmt::format("expected {}", size)));
    }
    CHECK(refusal(packed.dir.write("whole.sgpack", whole)) == "opened");
    CHECK_THAT(refusal(packed.dir.path() + "/none.sgpack"), mentions("No such file"));
    CHECK_THAT(refusal(packed.dir.path()), mentions("not a regular file"));
}

TEST_CASE("no flipped byte around the pixels goes unseen", "[packs]") {
    const PackedFolder packed;
    const uint64_t size = std::filesystem::file_size(packed.path()), begin = packed.index_begin();
    for (uint64_t offset = 0; offset < size; offset = offset == 4095 ? begin : offset + 1) {
        flip_byte(packed.path(), offset);
        INFO(offset);
        CHECK(refusal(packed.path()) != "opened");
        flip_byte(packed.path(), offset);
    }
    CHECK(refusal(packed.path()) == "opened");
    flip_byte(packed.path(), 8, 3);  // version 1 becomes 2
    CHECK_THAT(refusal(packed.path()), mentions("is of version 2, this program reads version 1"));
}

TEST_CASE("a pack of impossible images is refused", "[packs]") {
    const TempDir dir;
    const auto claim = [&](int height, int width, size_t count) {
        PackIndex index;
        index.size = {height, width};
        index.list = {.root = {}, .group = {}, .names = {}, .labels = {}, .held_out = {}};
        index.list.names.assign(count, "x");
        index.checksums.assign(count, 0);
        index.findings.resize(count);
        const PackEnds ends = encode_pack(index);  // the product of all wraps round in it, too
        return refusal(dir.write("x.sgpack", ends.preamble + ends.index));
    };
    CHECK_THAT(claim(1 << 30, 1 << 30, 16), mentions("images have 1073741824x1073741824 pixels"));
    CHECK_THAT(claim(-1, -1, 0), mentions("images have -1x-1 pixels, expected 1 to 65535 a side"));
    CHECK_THAT(claim(0, 1, 0), mentions("0x1 pixels"));
    CHECK_THAT(claim(1, 65536, 0), mentions("1x65536 pixels"));
    CHECK(claim(1, 65535, 0) == "opened");
}

TEST_CASE("a damaged image is never handed out", "[packs]") {
    PackedFolder packed;
    const auto good = all_pixels(*packed.open(), packed.size);
    const auto bytes = int(pack_image_bytes(packed.size));
    const int victim = packed.dice.roll(0, 11), at = packed.dice.roll(0, bytes - 1);
    INFO("image " << victim << ", byte " << at << " of " << bytes);
    flip_byte(packed.path(), pack_preamble_bytes + uint64_t(victim * bytes + at),
              1 << packed.dice.roll(0, 7));
    const auto data = packed.open();
    for (int64_t i = 0; i < 12; ++i) {
        if (i != victim) CHECK(pixels_of(*data, i, packed.size) == good[size_t(i)]);
    }
    for (int i = 0; i < 2; ++i)
        CHECK_THROWS_WITH(pixels_of(*data, victim, packed.size), mentions(data->item_name(victim)));
    CHECK(PackFile(packed.path()).damaged(0) == std::vector<size_t>{size_t(victim)});

    std::vector<int64_t> items(12);
    for (int64_t i = 0; i < 12; ++i) items[size_t(i)] = i;
    Loader loader(*data, items, {.batch = 12, .size = packed.size, .flip = false});
    const Batch batch = loader.next();
    CHECK(std::count(batch.items.begin(), batch.items.end(), victim) == 0);
    CHECK(loader.skipped() == std::vector<std::string>{data->item_name(victim)});
}

TEST_CASE("a pack knows its size, and whether its source changed", "[packs]") {
    const PackedFolder packed;
    const DataSource source{
        .kind = "pack", .place = packed.path(), .name = {}, .test = {}, .attr = {}};
    const ImageSize wrong{packed.size.height, packed.size.width + 1};
    CHECK_THROWS_WITH(
        open_dataset(source, {.size = wrong}),
        mentions(fmt::format("images of {}x{} pixels", wrong.height, packed.size.width)) &&
            mentions(fmt::format("for {}x{}", wrong.height, wrong.width)));
    const auto notes = [&] {
        return fmt::format("{}", fmt::join(open_dataset(source, {})->summary().notes, "\n"));
    };
    CHECK_THAT(notes(), !mentions("changed"));
    packed.dir.write("data/happy/new.png", "");
    CHECK_THAT(notes(), mentions("have changed since they were packed"));
    std::filesystem::remove_all(packed.source.place + "/sad");
    std::filesystem::remove_all(packed.source.place + "/happy");
    CHECK_THAT(notes(), mentions("can no longer be read"));
    std::filesystem::remove_all(packed.source.place);
    CHECK_THAT(notes(), !mentions("read"));
}

TEST_CASE("a pack of a folder behind a link does not seem changed", "[packs]") {
    const TempDir dir;
    Dice dice;
    DataSource source = folders_source(random_folders(dice, dir, 6));
    write_png(dir.file("there/happy/1.png"), random_image(dice, 9, 9));
    std::filesystem::create_directory_symlink(dir.path() + "/there", dir.path() + "/link");
    source.test = dir.path() + "/link";
    const std::string path = dir.path() + "/all.sgpack";
    make_pack({.source = source, .out = path, .open = {.size = {4, 4}}});
    const auto data = open_dataset(
        {.kind = "pack", .place = path, .name = {}, .test = {}, .attr = {}}, {.size = {4, 4}});
    CHECK(data->fixed_test_items().size() == 1);
    for (const std::string& note : data->summary().notes) CHECK_THAT(note, !mentions("changed"));
}

TEST_CASE("built-in faces can be packed, but no pack", "[packs]") {
    const TempDir dir;
    const DataSource source{
        .kind = "synth", .place = "expressions", .name = "s", .test = {}, .attr = {}};
    const OpenOptions options{.size = {16, 12}, .synth_count = 9, .seed = 5};
    const std::string path = dir.path() + "/synth.sgpack";
    make_pack({.source = source, .out = path, .open = options});
    const SynthDataset drawn(SynthGroup::expressions, 9, 5);
    const DataSource pack{.kind = "pack", .place = path, .name = {}, .test = {}, .attr = {}};
    const auto data = open_dataset(pack, {.size = {16, 12}});
    CHECK(all_pixels(*data, {16, 12}) == all_pixels(drawn, {16, 12}));
    CHECK(all_labels(*data) == all_labels(drawn));
    CHECK_THROWS_WITH(make_pack({.source = source, .out = path, .open = options}),
                      mentions("exists already"));
    CHECK_THROWS_WITH(make_pack({.source = source, .out = path + "s", .open = options}),
                      mentions("does not end in .sgpack"));
    CHECK_THROWS_WITH(make_pack({.source = pack, .out = dir.path() + "/a.sgpack", .open = options}),
                      mentions("is a pack already"));
}
