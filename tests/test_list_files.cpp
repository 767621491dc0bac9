#include <unistd.h>

#include <filesystem>

#include "kernels/common/error.h"
#include "tests/catch.h"
#include "tests/temp_dir.h"
#include "train/config.h"
#include "train/data/list_files.h"

using namespace sg;
using namespace sg::testing;

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

void write_images(const TempDir& dir, const Names& names) {
    for (const std::string& name : names) write_png(dir.file(name), pattern_image(6, 6));
}

// KIND:DIR/PLACE,KEYS as a run completes it.
FileList list(const TempDir& dir, const std::string& kind, const std::string& place,
              const std::string& keys = "") {
    DataSource source = parse_data_source(kind + ":" + dir.path() + "/" + place + keys);
    source.name = kind;
    source.crop = 0;
    return list_files(source, 1);
}

std::string notes(const FileList& list) {
    std::string text;
    for (const std::string& note : list.summary.notes) text += note + "\n";
    return text;
}

std::string all_of(const FileList& list) {
    return to_string(list.summary, list.group, true);
}

}  // namespace

TEST_CASE("every image beside the classes is explained", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"train/a/1.png", "train/b/1.png", "train/loose.png", "test/a/2.png",
                       "val/a/3.png", "old/4.png", "top.png"});
    dir.write("train/a/x.webp", "x");
    dir.write("test/a/notes.txt", "x");
    fs::create_directories(dir.path() + "/test/b");
    fs::create_symlink(dir.path() + "/nowhere", dir.path() + "/train/b/gone.png");
    const FileList found = list(dir, "folders", "");
    CHECK(found.names == Names{"train/a/1.png", "train/b/1.png", "test/a/2.png"});
    CHECK(found.summary.skipped_other == 5);
    CHECK(found.summary.unused_part == 2);
    CHECK(found.summary.skipped.size() == 7);
    CHECK_THAT(notes(found), mentions("no held-out image has class b"));
    CHECK_THAT(notes(found), mentions("/val/ is not used"));
    const std::string text = all_of(found);
    CHECK_THAT(text, mentions("train/loose.png: lies in no class folder"));
    CHECK_THAT(text, mentions("/top.png: lies in no class folder"));
    CHECK_THAT(text, mentions("val/a/3.png: is in val/, not used"));
    CHECK_THAT(text, mentions("x.webp: this image format is not supported, convert"));
    CHECK_THAT(text, mentions("notes.txt: is no image"));
    CHECK_THAT(text, mentions("gone.png: is a link to nothing"));
}

TEST_CASE("a class without an image is refused by name", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"x/happy/1.png", "x/neutral/1.png"});
    dir.write("x/sad/1.webp", "x");
    CHECK_THROWS_WITH(list(dir, "folders", "x"),
                      mentions("class 'sad' has no image to train on (0 held out, 1 other files in "
                               "its folder) (hint: add images or remove the class"));
    CHECK(list(dir, "folders", "x", ",labels=neutral+happy").group.names ==
          Names{"neutral", "happy"});
    dir.write("t.csv", "file,label,split\nx/happy/1.png,a,train\nx/neutral/1.png,b,test\n");
    CHECK_THROWS_WITH(list(dir, "csv", "t.csv"),
                      mentions("class 'b' has no image to train on (1 held out"));
}

TEST_CASE("labels chooses classes and attributes in its order", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"x/a/1.png", "x/b/1.png", "x/b/2.png", "x/c/1.png"});
    const FileList found = list(dir, "folders", "x", ",labels=c+b");
    CHECK(found.group.names == Names{"c", "b"});
    CHECK(found.names == Names{"b/1.png", "b/2.png", "c/1.png"});
    CHECK(found.labels == std::vector<uint8_t>{0, 1, 0, 1, 1, 0});
    CHECK(found.summary.not_selected == 1);
    CHECK_THAT(all_of(found), mentions("a/1.png: class 'a' is not selected"));
    CHECK_THROWS_WITH(list(dir, "folders", "x", ",labels=c+d"),
                      mentions("has no label 'd' (hint: known labels: a, b, c)"));
    CHECK_THROWS_WITH(list(dir, "folders", "x", ",labels=c+c"), mentions("'c' is selected twice"));

    dir.write("t.csv", "file,u,v,w\nx/a/1.png,1,0,0\nx/b/1.png,0,1,1\n");
    const FileList table = list(dir, "csv", "t.csv", ",labels=w+u");
    CHECK(table.group.names == Names{"w", "u"});
    CHECK(table.labels == std::vector<uint8_t>{0, 1, 1, 0});
    CHECK(table.summary.not_selected == 0);
}

TEST_CASE("test names a folder of held-out images", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"x/a/1.png", "x/b/1.png", "y/b/1.png", "y/b/2.png", "z/q/1.png"});
    const FileList found = list(dir, "folders", "x", ",test=" + dir.path() + "/y");
    CHECK(found.names ==
          Names{"a/1.png", "b/1.png", dir.path() + "/y/b/1.png", dir.path() + "/y/b/2.png"});
    CHECK(found.held_out == std::vector<uint8_t>{0, 0, 1, 1});
    CHECK(found.labels == std::vector<uint8_t>{1, 0, 0, 1, 0, 1, 0, 1});
    CHECK_THAT(notes(found), mentions("no held-out image has class a"));
    CHECK(make_file_dataset(found, {})->fixed_test_items() == std::vector<int64_t>{2, 3});
    CHECK(list(dir, "folders", "x", ",labels=b,test=" + dir.path() + "/y").names ==
          Names{"b/1.png", dir.path() + "/y/b/1.png", dir.path() + "/y/b/2.png"});
    CHECK_THROWS_WITH(list(dir, "folders", "x", ",test=" + dir.path() + "/z"),
                      mentions("class 'q' is not among the training classes (hint: known classes: "
                               "a, b)"));
    CHECK_THROWS_WITH(list(dir, "folders", "x", ",test=" + dir.path() + "/x/../x"),
                      mentions("2 images are both in "));
    fs::create_directories(dir.path() + "/empty/a");
    CHECK_THROWS_WITH(list(dir, "folders", "x", ",test=" + dir.path() + "/empty"),
                      mentions("there is no image to hold out"));
    CHECK_THROWS_WITH(list(dir, "folders", "x", ",test=" + dir.path() + "/none"),
                      mentions("/none: cannot be read as a directory"));
}

TEST_CASE("links hide no image that is both trained on and held out", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"x/a/1.png", "x/b/1.png", "y/a/2.png", "y/b/2.png"});
    fs::create_directory_symlink(dir.path() + "/x", dir.path() + "/link-to-x");
    fs::create_directory_symlink(dir.path() + "/y", dir.path() + "/link-to-y");
    const auto with_test = [&](const std::string& test) {
        return list(dir, "folders", "x", ",test=" + dir.path() + "/" + test);
    };
    CHECK_THROWS_WITH(with_test("link-to-x"), mentions("2 images are both in "));
    CHECK(with_test("link-to-y").names == with_test("y").names);
    fs::create_directory_symlink(dir.path() + "/x/b", dir.path() + "/y/b/more");
    CHECK_THROWS_WITH(with_test("y"), mentions("1 images are both in "));
    CHECK_THROWS_WITH(list(dir, "folders", "link-to-x", ",test=" + dir.path() + "/x"),
                      mentions("2 images are both in "));
    fs::create_directories(dir.path() + "/elsewhere/in");
    fs::create_directory_symlink(dir.path() + "/elsewhere/in", dir.path() + "/link");
    fs::create_directory_symlink(dir.path() + "/x", dir.path() + "/elsewhere/x");
    CHECK_THROWS_WITH(with_test("link/../x"), mentions("2 images are both in "));
}

TEST_CASE("val stands in for a missing test folder", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"train/a/1.png", "train/b/1.png", "val/a/1.png"});
    CHECK(list(dir, "folders", "").held_out == std::vector<uint8_t>{0, 0, 1});
    fs::create_directories(dir.path() + "/test/a");
    const FileList empty = list(dir, "folders", "");
    CHECK(empty.held_out == std::vector<uint8_t>{0, 0});
    CHECK_THAT(notes(empty), mentions("test has no image to hold out"));
}

TEST_CASE("test wins over the test folder that is there", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"x/train/a/1.png", "x/train/b/1.png", "x/test/a/2.png", "x/val/a/3.png",
                       "y/a/4.png"});
    const FileList found = list(dir, "folders", "x", ",test=" + dir.path() + "/y");
    CHECK(found.names == Names{"train/a/1.png", "train/b/1.png", dir.path() + "/y/a/4.png"});
    CHECK(found.summary.unused_part == 2);
    CHECK_THAT(notes(found), mentions("/x/test/ is not used"));
    const FileList same = list(dir, "folders", "x", ",test=" + dir.path() + "/x/test");
    CHECK(same.names == Names{"train/a/1.png", "train/b/1.png", dir.path() + "/x/test/a/2.png"});
    CHECK(same.summary.unused_part == 1);
    CHECK_THAT(notes(same), !mentions("/x/test/ is not used"));
}

TEST_CASE("held-out celeba images may share the attribute file", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"x/1.png", "x/2.png", "y/3.png"});
    dir.write("list_attr_celeba.txt", "4\nu v\n1.png 1 0\n2.png 0 1\n3.png 1 1\n4.png 1 1\n");
    dir.write("list_eval_partition.txt", "1.png 0\n2.png 2\n3.png 0\n");
    CHECK(list(dir, "celeba", "x").held_out == std::vector<uint8_t>{0, 1});
    CHECK(list(dir, "celeba", "x", ",partition=false").held_out.empty());
    const FileList found = list(dir, "celeba", "x", ",labels=v,test=" + dir.path() + "/y");
    CHECK(found.names == Names{"1.png", "2.png", dir.path() + "/y/3.png"});
    CHECK(found.held_out == std::vector<uint8_t>{0, 0, 1});
    CHECK(found.labels == std::vector<uint8_t>{0, 1, 1});
    CHECK_THAT(notes(found), mentions("list_eval_partition.txt is not used: test= names"));
    CHECK(found.summary.rows_without_image == 2);  // 4.png, in either folder
    CHECK_THAT(all_of(found), !mentions("3.png: is listed"));
}

TEST_CASE("held-out rows of a table come from another one", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"1.png", "2.png", "3.png", "4.png"});
    dir.write("x.csv", "file,label,split\n1.png,a,train\n2.png,b,test\n");
    dir.write("y/y.csv", "file,label\n../3.png,b\n");
    const FileList found = list(dir, "csv", "x.csv", ",test=" + dir.path() + "/y/y.csv");
    CHECK(found.names == Names{"1.png", "2.png", dir.path() + "/3.png"});
    CHECK(found.held_out == std::vector<uint8_t>{0, 0, 1});
    CHECK_THAT(notes(found), mentions("the column split of"));

    dir.write("x.csv", "file,u,v\n1.png,1,0\n2.png,0,1\n");
    dir.write("y.csv", "file,v,u\n3.png,1,0\n");
    const FileList bits = list(dir, "csv", "x.csv", ",test=" + dir.path() + "/y.csv");
    CHECK(bits.labels == std::vector<uint8_t>{1, 0, 0, 1, 0, 1});
    dir.write("y.csv", "file,u\n3.png,1\n");
    CHECK_THROWS_WITH(list(dir, "csv", "x.csv", ",test=" + dir.path() + "/y.csv"),
                      mentions("y.csv: has no label 'v' (hint: known labels: u)"));
}

TEST_CASE("keys that would have no effect are refused", "[datasets]") {
    const TempDir dir;
    write_images(dir, {"x/a/1.png", "x/b/1.png"});
    for (const std::string key : {"align=true", "partition=false", "angles=45", "attr=x"})
        CHECK_THROWS_WITH(list(dir, "folders", "x", "," + key),
                          mentions(key.substr(0, key.find('=')) + " has no effect on folders:"));
    CHECK_THROWS_WITH(check_keys(parse_data_source("synth:attributes,test=there")),
                      mentions("test has no effect on synth:attributes"));
    CHECK_NOTHROW(check_keys(parse_data_source("synth:attributes,labels=Pale_Skin")));
    for (const std::string place : {"synth:attributes", "pack:all.sgpack"})
        CHECK_THROWS_WITH(check_keys(parse_data_source(place + ",crop=5")),
                          mentions("crop has no effect on " + place));
    TrainConfig config;  // a crop of the whole run is for the data sets that take one
    config.crop_size = 100;
    config.data = {"synth:expressions", "folders:x"};
    CHECK(data_sources(config)[0].crop == 0);
    CHECK(data_sources(config)[1].crop == 100);
    CHECK_NOTHROW(check_keys(data_sources(config)[0]));
    CHECK_THROWS_WITH(parse_data_source("celeba:x,name=faces,crp=0"),
                      mentions("name is 'faces,crp=0'"));
}

TEST_CASE("a place may be called like a kind", "[datasets]") {
    CHECK(parse_data_source("celeba").place == "celeba");
    CHECK(parse_data_source("celeba,crop=3").kind.empty());
    CHECK(parse_data_source("rafd:csv").kind == "rafd");
    CHECK(parse_data_source("synth").place == "attributes");
    CHECK_THROWS_WITH(parse_data_source("celeba:"), mentions("names no place"));
}
