#include <unistd.h>

#include <filesystem>

#include "kernels/common/error.h"
#include "tests/catch.h"
#include "tests/temp_dir.h"
#include "train/data/attr_file.h"
#include "train/data/celeba.h"
#include "train/data/files.h"
#include "train/data/folders.h"
#include "train/data/preprocess.h"

using namespace sg;
using namespace sg::testing;

namespace {

namespace fs = std::filesystem;

const char* const kAttributes =
    "3\nBald Male Young\n"
    "a.png  1 -1 -1\nb.png -1  1 -1\nc.png -1 -1  1\n";

AttrTable parse(const TempDir& dir, const std::string& text) {
    return read_attr_file(dir.write("attr.txt", text));
}

void write_images(const TempDir& dir, const std::vector<std::string>& names) {
    int seed = 0;
    for (const std::string& name : names) write_png(dir.file(name), pattern_image(12, 10, seed++));
}

CelebaOptions celeba_in(const TempDir& dir, std::vector<std::string> attributes) {
    CelebaOptions options;
    options.image_dir = dir.path() + "/img";
    options.attr_path = dir.file("attr.txt");
    options.attributes = std::move(attributes);
    options.crop = 8;
    return options;
}

std::vector<float> labels_of(const Dataset& data, int64_t item) {
    std::vector<float> labels(size_t(data.label_group().dim()));
    data.read_labels(item, labels);
    return labels;
}

}  // namespace

TEST_CASE("the attribute file is read in all its variants", "[datasets]") {
    const TempDir dir;
    const AttrTable plain = parse(dir, kAttributes);
    CHECK(plain.names == std::vector<std::string>{"Bald", "Male", "Young"});
    CHECK(plain.files == std::vector<std::string>{"a.png", "b.png", "c.png"});
    CHECK(plain.values == std::vector<uint8_t>{1, 0, 0, 0, 1, 0, 0, 0, 1});
    CHECK(plain.notes.empty());

    const auto same = [&](const std::string& text, const std::string& note) {
        const AttrTable table = parse(dir, text);
        CHECK(table.names == plain.names);
        CHECK(table.values == plain.values);
        REQUIRE(table.notes.size() == (note.empty() ? 0 : 1));
        if (!note.empty()) CHECK_THAT(table.notes[0], mentions(note));
    };
    const std::string rows = "a.png 1 0 0\nb.png 0 1 0\nc.png 0 0 1";
    same(
        "\xEF\xBB\xBF"
        "3\r\nBald Male Young\r\n\r\na.png 1 -1 -1 \r\nb.png -1 1 -1\r\n\nc.png\t-1 -1 1",
        "");
    same("3\nimage_id Bald Male Young\n" + rows, "has the heading 'image_id' over the file column");
    same("Bald Male Young\n" + rows, "attr.txt has no count line");
    same("202599\nBald Male Young\n" + rows, "line 1 says 202599 rows, 3 found");
    same("3\n,Bald,Male,Young\na b.png, 1,-1,-1\nb.png,-1,1,-1\nc.png,-1,-1,1\n", "heading ''");
    CHECK(parse(dir, "1\nBald\na.png 1\n").values == std::vector<uint8_t>{1});
}

TEST_CASE("a malformed attribute file is refused at its line", "[datasets]") {
    const TempDir dir;
    const auto refused = [&](const std::string& text, const std::string& reason) {
        CHECK_THROWS_WITH(parse(dir, text), mentions(dir.file("attr.txt") + reason));
    };
    refused("", ": the file is empty");
    refused("3\n", ":1: is the last line, expected a line of attribute names");
    refused("3\nBald Male\n", ": has no row");
    refused("Bald Male\na 1 1\nb 1\n", ":3: 2 columns, expected 3 (file name and 2 values)");
    refused("2\nBald Male\na 1\nb 1 1\n", ":3: 2 columns, expected 3 (file name and 2 values)");
    refused("2\nBald Male\na 1 1 1\n", ":3: 4 columns, expected 3");
    refused("1\nBald Male\n\na 1 2\n", ":4: column 3 (Male) is '2', expected 1, -1 or 0");
    refused("2\nBald\na 1\na -1\n",
            ":4: 'a' is listed before, on line 3, expected every file once");
    refused("1\nBald Bald\na 1 1\n", ":2: 'Bald' occurs twice, expected distinct names");
    CHECK_THROWS_WITH(read_attr_file(dir.path() + "/none.txt"),
                      "attribute file: " + dir.path() + "/none.txt: no such file");
}

TEST_CASE("celeba counts what does not match", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"img/a.png", "img/c.png", "img/extra.png", "img/.hidden.png"});
    dir.write("img/readme.txt", "no image");
    dir.write("img/old.WEBP", "RIFF");
    dir.write("attr.txt", kAttributes);
    const auto data = make_file_dataset(list_celeba(celeba_in(dir, {"Young", "Bald"})), {});
    REQUIRE(data->size() == 2);
    CHECK(data->item_name(1) == "c.png");
    CHECK(labels_of(*data, 0) == std::vector<float>{0, 1});
    CHECK(labels_of(*data, 1) == std::vector<float>{1, 0});
    CHECK(data->label_group().kind == LabelKind::multi_label);
    const DataSummary& summary = data->summary();
    CHECK(summary.rows_without_image == 1);
    CHECK(summary.images_without_row == 1);
    CHECK(summary.skipped_other == 2);
    CHECK(summary.label_counts == std::vector<int64_t>{1, 1});
    CHECK(summary.max_height == 12);
    CHECK(summary.min_width == 10);
    REQUIRE(summary.notes.size() == 1);
    CHECK_THAT(summary.notes[0], mentions("1 .webp file left out"));
    CHECK(data->fixed_test_items().empty());

    std::vector<uint8_t> pixels(4 * 4 * 3);
    data->read_image(0, {4, 4}, pixels);
    CHECK(pixels == preprocess(pattern_image(12, 10, 0), 8, {4, 4}).pixels);
    CHECK_THROWS_WITH(data->read_image(0, {4, 4}, std::span(pixels).first(5)), mentions("5 bytes"));
    CHECK_THROWS_WITH(data->item_name(2), "data set: item 2 is outside 0 to 1");

    const std::string text = to_string(summary, data->label_group());
    CHECK_THAT(text, mentions("10 x 12 pixels"));
    CHECK_THAT(text, mentions("1 (50.0 %)"));
    CHECK_THAT(text, mentions("rows without image           1\n"));
    CHECK(text.back() == '\n');
}

TEST_CASE("celeba refuses what cannot be meant", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"img/a.jpg"});
    dir.write("attr.txt", kAttributes);
    CHECK_THROWS_WITH(
        make_file_dataset(list_celeba(celeba_in(dir, {"Blad"})), {}),
        mentions("has no attribute 'Blad' (hint: known attributes: Bald, Male, Young)"));
    CHECK_THROWS_WITH(make_file_dataset(list_celeba(celeba_in(dir, {"Bald", "Bald"})), {}),
                      mentions("selected twice"));
    CHECK_THROWS_WITH(make_file_dataset(list_celeba(celeba_in(dir, {"Bald"})), {}),
                      mentions("(first row: a.png; its first image is a.jpg)"));
    CelebaOptions options = celeba_in(dir, {});
    options.image_dir = dir.path() + "/none";
    CHECK_THROWS_WITH(make_file_dataset(list_celeba(options), {}),
                      mentions("/none: cannot be read as a directory"));
}

TEST_CASE("damaged files are left out, counted and named", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"img/a.png", "img/c.png"});
    std::string attributes = "Bald Male Young\na.png 1 1 1\nc.png -1 -1 -1\n";
    const std::string good = read_text(dir.file("img/a.png"));
    dir.write("img/cut.png", good.substr(0, good.size() - 20));
    attributes += "cut.png 1 1 1\n";
    for (int i = 0; i < 12; ++i) {
        const std::string name = "empty" + std::to_string(i) + ".png";
        dir.write("img/" + name, "");
        attributes += name + " 1 1 1\n";
    }
    dir.write("attr.txt", attributes);
    CelebaOptions options = celeba_in(dir, {});
    options.crop = 11;
    const auto quick = make_file_dataset(list_celeba(options), {});
    CHECK(quick->size() == 3);  // the header of cut.png is in order
    CHECK(quick->summary().skipped_corrupt == 12);
    std::vector<uint8_t> pixels(4 * 4 * 3);
    CHECK_THROWS_WITH(quick->read_image(2, {4, 4}, pixels), mentions("cut.png: is truncated"));

    const auto full = make_file_dataset(list_celeba(options), {.verify_all = true, .threads = 3});
    CHECK(full->size() == 2);
    CHECK(full->summary().skipped_corrupt == 13);
    const auto& notes = full->summary().notes;
    REQUIRE(notes.size() == 2);  // missing count line, the crop
    CHECK_THAT(notes[1], mentions("2 of 2 images are smaller than the crop of 11 pixels"));
    const auto& skipped = full->summary().skipped;
    REQUIRE(skipped.size() == 13);
    CHECK(skipped[0].path == dir.file("img/cut.png"));
    CHECK_THAT(skipped[0].reason, mentions("is truncated"));
    CHECK(skipped[1].reason == "the file is empty");
    const std::string brief = to_string(full->summary(), full->label_group());
    CHECK_THAT(brief, mentions(dir.file("img/empty8.png") + ": the file is empty\n"));
    CHECK_THAT(brief, !mentions("empty9.png"));
    CHECK_THAT(brief, mentions("skipped                      3 more (sg_data validate names all)"));
    const std::string all = to_string(full->summary(), full->label_group(), true);
    CHECK_THAT(all, mentions("empty11.png: the file is empty"));
    CHECK_THAT(all, !mentions("3 more"));
}

TEST_CASE("folders give one class each", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"sad/1.PNG", "happy/ü 2.png", "happy/deep/1.png", ".git/x/1.png"});
    dir.write("sad/Thumbs.db", "x");
    dir.write("loose.png", "x");
    const auto data = make_file_dataset(list_folders({.root = dir.path()}), {});
    CHECK(data->label_group().names == std::vector<std::string>{"happy", "sad"});
    CHECK(data->label_group().kind == LabelKind::one_hot);
    REQUIRE(data->size() == 3);
    CHECK(data->item_name(0) == "happy/deep/1.png");
    CHECK(data->item_name(1) == "happy/ü 2.png");
    CHECK(labels_of(*data, 0) == std::vector<float>{1, 0});
    CHECK(labels_of(*data, 2) == std::vector<float>{0, 1});
    CHECK(data->summary().skipped_other == 2);
    CHECK(data->fixed_test_items().empty());
}

TEST_CASE("train and test folders mark the held-out items", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"train/a/1.png", "train/b/1.png", "train/b/2.png", "test/b/9.png"});
    const auto data = make_file_dataset(list_folders({.root = dir.path()}), {});
    REQUIRE(data->size() == 4);
    CHECK(data->item_name(3) == "test/b/9.png");
    CHECK(data->fixed_test_items() == std::vector<int64_t>{3});
    const Split split = make_split(*data, 2, 7);
    CHECK(split.test == std::vector<int64_t>{3});
    CHECK(split.train == std::vector<int64_t>{0, 1, 2});
    CHECK_NOTHROW(require_trainable(*data, split, 3));

    write_images(dir, {"test/z/1.png"});
    CHECK_THROWS_WITH(make_file_dataset(list_folders({.root = dir.path()}), {}),
                      mentions("test: class 'z' is not among the training classes (hint: known "
                               "classes: a, b)"));
}

TEST_CASE("links are followed, but not in circles", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"store/1.png", "set/a/1.png"});
    fs::create_directory_symlink(dir.path() + "/store", dir.path() + "/set/b");
    fs::create_symlink(dir.path() + "/store/1.png", dir.path() + "/set/a/2.png");
    fs::create_directory_symlink(dir.path() + "/set", dir.path() + "/set/a/up");
    fs::create_symlink(dir.path() + "/nowhere", dir.path() + "/set/a/3.png");
    const auto data = make_file_dataset(list_folders({.root = dir.path() + "/set"}), {});
    CHECK(data->size() == 3);
    CHECK(data->summary().skipped_other == 1);
}

TEST_CASE("an unreadable folder is named", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"a/1.png", "b/1.png"});
    CHECK_THROWS_WITH(list_directories("folders", dir.file("a/1.png")),
                      mentions("a/1.png: cannot be read as a directory"));
    if (::geteuid() == 0) return;  // root reads everything
    fs::permissions(dir.path() + "/b", fs::perms::none);
    CHECK_THROWS_WITH(make_file_dataset(list_folders({.root = dir.path()}), {}),
                      mentions("/b: cannot be read as a directory"));
    fs::permissions(dir.path() + "/b", fs::perms::owner_all);
}
