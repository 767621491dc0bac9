#include <sys/resource.h>

#include <csignal>

#include "tests/pack_cases.h"

using namespace sg;
using namespace sg::testing;

namespace fs = std::filesystem;

TEST_CASE("a cached pack is used without opening an image", "[packs]") {
    Cached c;
    INFO("seed " << c.dice.seed());
    c.dir.write("data/sad/broken.png", "no picture");
    const auto expected = all_pixels(*c.decoded(), c.size);
    const auto built = c.open();
    CHECK_THAT(c.said, mentions("packing 13 images") && mentions("packed 13 of 13 images"));
    CHECK(all_pixels(*built, c.size) == expected);
    REQUIRE(c.packs().size() == 1);
    for (int64_t i = 0; i < 12; ++i) CHECK(built->item_name(i) == c.decoded()->item_name(i));
    CHECK(to_string(built->summary(), built->label_group()) ==
          to_string(c.decoded()->summary(), built->label_group()));

    for (const char* name : {"happy", "sad"}) {
        for (const auto& file : files_in(c.source.place + "/" + name))
            replace_secretly(c.source.place + "/" + name + "/" + file);
    }
    const auto reused = c.open();
    CHECK(c.said.empty());
    CHECK(all_pixels(*reused, c.size) == expected);
    CHECK(reused->stored(c.size));
    CHECK(to_string(reused->summary(), reused->label_group()) ==
          to_string(built->summary(), built->label_group()));
    CHECK_THROWS_AS(pixels_of(*reused, 0, {11, 11}), Error);  // decodes, and there is nothing left
}

TEST_CASE("crop, size and files make another pack, labels do not", "[packs]") {
    Cached c;
    write_png(c.dir.file("data/sad/large.png"), random_image(c.dice, 20, 20));
    c.open();
    const auto first = c.packs();
    c.source.crop = 7;
    const auto cropped = c.open();
    CHECK_THAT(c.said, mentions("packing"));
    CHECK(all_pixels(*cropped, c.size) == all_pixels(*c.decoded(), c.size));
    c.size.height += 1;
    const auto resized = c.open();
    CHECK(all_pixels(*resized, c.size) == all_pixels(*c.decoded(), c.size));
    CHECK(c.packs().size() == 3);
    c.source.crop = 0;
    c.size.height -= 1;
    c.open();
    CHECK(c.said.empty());

    SECTION("a new time is a new file") {
        fs::last_write_time(c.image(3), fs::file_time_type::clock::now() + std::chrono::hours(1));
    }
    SECTION("a new length is a new file") {
        const std::string path = c.image(3);
        const auto time = fs::last_write_time(path);
        write_png(path, random_image(c.dice, 50, 50));
        fs::last_write_time(path, time);
    }
    SECTION("one more file") {
        write_png(c.dir.file("data/happy/zz.png"), random_image(c.dice, 6, 6));
    }
    SECTION("another name, in the same place of the list") {
        const fs::path path = c.image(3);
        fs::rename(path, path.parent_path() / (path.stem().string() + "x.png"));
    }
    const auto changed = c.open();
    CHECK_THAT(c.said, mentions("packing"));
    CHECK(all_pixels(*changed, c.size) == all_pixels(*c.decoded(), c.size));
    CHECK(c.packs().size() == 3);  // the outdated one is gone
    CHECK(!fs::exists(c.folder + "/" + first.at(0)));
}

TEST_CASE("labels, marks and notes are always those of the files", "[packs]") {
    Cached c;
    const auto write = [&](const char* names, const char* a, const char* b) {
        c.dir.write("attr.txt", fmt::format("2\n{}\na.png {}\nb.png {}\n", names, a, b));
    };
    write_png(c.dir.file("img/a.png"), random_image(c.dice, 9, 9));
    write_png(c.dir.file("img/b.png"), random_image(c.dice, 9, 9));
    write("Bald Male", "1 -1", "-1 1");
    c.source = {.kind = "celeba",
                .place = c.dir.path() + "/img",
                .name = "one",
                .test = {},
                .attr = c.dir.path() + "/attr.txt",
                .crop = 5,
                .labels = {"Bald"}};
    CHECK(all_labels(*c.open()) == std::vector<std::vector<float>>{{1}, {0}});
    CHECK_THAT(c.said, mentions("packing"));
    write("Young Bald", "1 -1", "-1 1");
    c.dir.write("img/notes.txt", "");
    c.source.labels = {"Bald", "Young"};
    c.source.name = "two";
    const auto data = c.open();
    CHECK(c.said.empty());
    CHECK(all_labels(*data) == std::vector<std::vector<float>>{{0, 1}, {1, 0}});
    CHECK(data->label_group() == LabelGroup{"two", LabelKind::multi_label, {"Bald", "Young"}});
    CHECK(data->summary().skipped_other == 1);
}

TEST_CASE("classes in another order are in the same pack", "[packs]") {
    Cached c;
    write_png(c.dir.file("data/angry/a.png"), random_image(c.dice, 9, 9));
    c.source.labels = {"happy", "sad"};
    c.open();
    c.source.labels = {"sad", "happy"};
    const auto data = c.open();
    CHECK(c.said.empty());
    CHECK(c.packs().size() == 1);
    CHECK(data->stored(c.size));
    CHECK(data->label_group().names == std::vector<std::string>{"sad", "happy"});
    CHECK(all_labels(*data) == all_labels(*c.decoded()));
    CHECK(all_pixels(*data, c.size) == all_pixels(*c.decoded(), c.size));
    c.source.labels = {"sad", "angry"};
    c.open();
    CHECK_THAT(c.said, mentions("packing"));
    CHECK(c.packs().size() == 2);
}

TEST_CASE("two attribute files of other images have a pack each", "[packs]") {
    Cached c;
    for (const char* name : {"a", "b", "c"})
        write_png(c.dir.file(fmt::format("img/{}.png", name)), random_image(c.dice, 9, 9));
    const auto first = c.dir.write("first.txt", "2\nBald\na.png 1\nb.png -1\n");
    const auto second = c.dir.write("second.txt", "2\nBald\nc.png 1\nb.png -1\n");
    c.source = {.kind = "celeba",
                .place = c.dir.path() + "/img",
                .name = "faces",
                .test = {},
                .attr = first,
                .crop = 5};
    c.open();
    c.source.attr = second;
    c.open();
    CHECK_THAT(c.said, mentions("packing 2 images"));
    CHECK(c.packs().size() == 2);
    for (const std::string& attr : {first, c.dir.path() + "/img/../second.txt"}) {
        c.source.attr = attr;
        const auto data = c.open();
        CHECK(c.said.empty());
        CHECK(all_pixels(*data, c.size) == all_pixels(*c.decoded(), c.size));
    }
}

TEST_CASE("a damaged pack is built again", "[packs]") {
    Cached c;
    const auto expected = all_pixels(*c.open(), c.size);
    const std::string path = c.folder + "/" + c.packs().at(0);
    const auto size = fs::file_size(path);
    for (const auto length : {uintmax_t{0}, uintmax_t{100}, uintmax_t{5000}, size - 1}) {
        fs::resize_file(path, length);
        CHECK(all_pixels(*c.open(), c.size) == expected);
        CHECK_THAT(c.said, mentions("warning: pack: " + path) && mentions("packing again"));
    }
    flip_byte(path, size - 1);
    CHECK(all_pixels(*c.open(), c.size) == expected);
    CHECK_THAT(c.said, mentions("is damaged") && mentions("packing again"));

    // Damaged pixels are noticed when they are read: the file is decoded then, and again by others.
    flip_byte(path, pack_preamble_bytes + 5 * pack_image_bytes(c.size) + 3);
    const auto data = c.open();
    CHECK(c.said.empty());
    CHECK(data->stored(c.size));
    CHECK(all_pixels(*data, c.size) == expected);
    CHECK(c.packs().empty());
    CHECK(c.open()->stored(c.size));
    CHECK_THAT(c.said, mentions("packing 12 images"));
}

TEST_CASE("an image that can be read just after packing is for the next run", "[packs]") {
    Cached c;
    const std::string path = c.image(3), bytes = read_text(path);
    const auto time = fs::last_write_time(path);
    replace_secretly(path);
    std::string said;
    const auto repair = [&](const std::string& line) {
        said += line;
        if (line.find("packed 12 of 12") == line.npos) return;
        std::ofstream(path, std::ios::binary) << bytes;
        fs::last_write_time(path, time);
    };
    const auto data =
        open_dataset(c.source, {.size = c.size, .pack_folder = c.folder, .say = repair});
    CHECK_THAT(said, !mentions("warning"));
    CHECK(data->size() == 11);
    CHECK(data->stored(c.size));
    CHECK(c.open()->size() == 12);
    CHECK_THAT(c.said, mentions("can be read by now") && mentions("packed 12 of 12"));
}

TEST_CASE("an image that failed once is tried again", "[packs]") {
    Cached c;
    const std::string path = c.image(3);
    fs::rename(path, path + ".kept");
    const std::string bytes = read_text(path + ".kept");
    const auto time = fs::last_write_time(path + ".kept");
    c.dir.write(fs::relative(path, c.dir.path()).string(), std::string(bytes.size(), 'x'));
    fs::last_write_time(path, time);
    CHECK(c.open()->size() == 11);
    CHECK(c.open()->size() == 11);
    CHECK(c.said.empty());
    fs::rename(path + ".kept", path);
    CHECK(c.open()->size() == 12);
    CHECK_THAT(c.said, mentions("can be read by now"));
}

TEST_CASE("without a place for packs, files are decoded", "[packs]") {
    Cached c;
    const auto expected = all_pixels(*c.decoded(), c.size);
    const auto works = [&](const std::string& reason) {
        const auto data = c.open();
        CHECK(all_pixels(*data, c.size) == expected);
        CHECK(!data->stored(c.size));
        CHECK_THAT(c.said, mentions("warning: images are decoded anew in every run, as they cannot "
                                    "be packed") &&
                               mentions(reason));
        CHECK(c.packs().empty());
        CHECK(files_in(c.folder, "").size() <= 1);  // the lock, and nothing half-made
    };
    c.dir.write("cache", "a file where the folder should be");
    works("cache");
    c.folder = "/proc/sg_packs";
    works("sg_packs");
    c.folder = c.dir.path() + "/full";
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const auto old = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{.rlim_cur = 4096, .rlim_max = limit.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    works("cannot reserve");
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, old);
    c.open();
    CHECK(c.packs().size() == 1);
}
