#include <fmt/format.h>

#include <random>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "tests/catch.h"
#include "tests/temp_dir.h"
#include "train/data/csv.h"
#include "train/data/csv_reader.h"

using namespace sg;
using namespace sg::testing;

namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows parse(const TempDir& dir, const std::string& text) {
    CsvReader reader("csv", dir.write("t.csv", text));
    Rows rows;
    while (reader.next()) rows.push_back(reader.fields());
    return rows;
}

FileList list(const TempDir& dir, const std::string& text, CsvOptions options = {}) {
    options.path = dir.write("t.csv", text);
    return list_csv(options);
}

// Images a.png to d.png in img/.
void write_images(const TempDir& dir) {
    for (const char* name : {"a", "b", "c", "d"})
        write_png(dir.file(std::string("img/") + name + ".png"), pattern_image(6, 6));
}

void refused(const TempDir& dir, const std::string& text, const std::string& reason,
             const CsvOptions& options = {}) {
    CHECK_THROWS_WITH(list(dir, text, options), mentions("csv: " + dir.file("t.csv") + reason));
}

}  // namespace

TEST_CASE("comma-separated values are read as RFC 4180 has them", "[datasets]") {
    const TempDir dir;
    CHECK(parse(dir,
                "\xEF\xBB\xBF"
                "a,b\r\n\r\nc , d\n") == Rows{{"a", "b"}, {"c", "d"}});
    CHECK(parse(dir, "\"a,1\",\"say \"\"x\"\"\"\n\"two\nlines\" ,\"\"") ==
          Rows{{"a,1", "say \"x\""}, {"two\nlines", ""}});
    CHECK(parse(dir, ",\n\n \t\n,,x") == Rows{{"", ""}, {"", "", "x"}});
    CHECK(parse(dir, "").empty());
    CHECK(parse(dir, "caf\xE9.png,1") == Rows{{"caf\xE9.png", "1"}});  // no UTF-8

    CsvReader reader("csv", dir.write("t.csv", "x\n\"1\n2\"\n\ny"));
    std::vector<int64_t> lines;
    while (reader.next()) lines.push_back(reader.line());
    CHECK(lines == std::vector<int64_t>{1, 2, 5});
}

TEST_CASE("what is quoted comes back", "[datasets]") {
    const TempDir dir;
    const Rng rng{std::random_device{}(), RngPurpose::test, 0};
    CAPTURE(rng.seed);
    const std::string letters = "ab,\"\n\r ;\t";
    Rows rows;
    std::string text;
    for (uint64_t i = 0, draw = 0; i < 200; ++i) {
        std::vector<std::string>& row = rows.emplace_back();
        for (int k = 0; k < 3; ++k) {
            std::string field, quoted;
            const uint32_t length = 1 + rng.below(draw++, 6);
            for (uint32_t c = 0; c < length; ++c) {
                field += letters[rng.below(draw++, uint32_t(letters.size()))];
                quoted += field.back() == '"' ? "\"\"" : std::string(1, field.back());
            }
            row.push_back(field);
            text += (k > 0 ? ",\"" : "\"") + quoted + "\"";
        }
        text += i % 2 ? "\n" : "\r\n";
    }
    CHECK(parse(dir, text) == rows);
}

TEST_CASE("quotes that do not belong are refused at line and column", "[datasets]") {
    const TempDir dir;
    const auto refuse = [&](const std::string& text, const std::string& reason) {
        CHECK_THROWS_WITH(parse(dir, text), mentions(dir.file("t.csv") + reason));
    };
    refuse("a,b\nc,d\"e\n", ":2: column 2 has a quote inside");
    refuse("a\n\n\"b\" c,d\n", ":3: column 1 goes on after its closing quote");
    refuse("a\nb,\"c\nd\n", ":2: the quotes of column 2 do not end");
    refuse(std::string("a\0b", 3), ": is no text, expected comma-separated values in UTF-8");
}

TEST_CASE("columns of 1, 0 and -1 are attributes", "[datasets]") {
    const TempDir dir;
    write_images(dir);
    const FileList found =
        list(dir,
             "file,Bald,split,\"Wears, glasses\"\nimg/b.png,1,train,-1\n"
             "./img/a.png,0,test,1\nimg/none.png,1,train,1\nimg/c.png,1,val,1\n" +
                 dir.path() + "/img/d.png,-1,train,0\nimg,1,test,1\n");
    CHECK(found.group.kind == LabelKind::multi_label);
    CHECK(found.group.names == std::vector<std::string>{"Bald", "Wears, glasses"});
    CHECK(found.names ==
          std::vector<std::string>{"img/b.png", "img/a.png", dir.path() + "/img/d.png"});
    CHECK(found.labels == std::vector<uint8_t>{1, 0, 0, 1, 0, 0});
    CHECK(found.held_out == std::vector<uint8_t>{0, 1, 0});
    CHECK(found.summary.rows_without_image == 2);
    CHECK(found.summary.unused_part == 1);
    const std::string text = to_string(found.summary, found.group, true);
    CHECK_THAT(text, mentions("img/none.png: is not there (line 4)"));
    CHECK_THAT(text, mentions("/img: is not a regular file (line 7)"));
    CHECK_THAT(text, mentions("img/c.png: is for validation, not used"));
    CHECK(make_file_dataset(found, {})->size() == 3);

    const FileList one = list(dir, "file,Bald\nimg/a.png,1\nimg/b.png,-1\n");
    CHECK(one.group.kind == LabelKind::multi_label);
    CHECK(one.held_out.empty());
}

TEST_CASE("one column of anything else is the class", "[datasets]") {
    const TempDir dir;
    write_images(dir);
    const FileList found =
        list(dir, "file,label\nimg/a.png,sad\nimg/b.png,\"happy, very\"\nimg/c.png,sad\n");
    CHECK(found.group.kind == LabelKind::one_hot);
    CHECK(found.group.names == std::vector<std::string>{"happy, very", "sad"});
    CHECK(found.labels == std::vector<uint8_t>{0, 1, 1, 0, 0, 1});
    const FileList digits = list(dir, "file,digit\nimg/a.png,7\nimg/b.png,0\nimg/c.png,1\n");
    CHECK(digits.group.names == std::vector<std::string>{"0", "1", "7"});
    // A table of held-out images may happen to have only these values.
    CHECK(list(dir, "file,digit\nimg/a.png,1\n", {.kind = LabelKind::one_hot}).group.names ==
          std::vector<std::string>{"1"});
}

TEST_CASE("a table that contradicts itself is refused", "[datasets]") {
    const TempDir dir;
    write_images(dir);
    refused(dir, "", ": the file is empty");
    refused(dir, "file,label\n", ": has no row");
    refused(dir, "image;label\n", ":1: column 1 is 'image;label', expected the header file,label");
    refused(dir, "file\nimg/a.png\n", ":1: there is no label column");
    refused(dir, "file,split\nimg/a.png,train\n", ":1: there is no label column");
    refused(dir, "file,x,x\n", ":1: column 'x' occurs twice");
    refused(dir, "file,x,\n", ":1: column 3 has no name");
    refused(dir, "file,x\nimg/a.png\n", ":2: 1 columns, expected 2 as in the header");
    refused(dir, "file,x\n,1\n", ":2: column 1 (file) is empty");
    refused(dir, "file,x\nimg/a.png,1\nimg/../img/a.png,1\n",
            ":3: 'img/a.png' is listed before, on line 2");
    refused(dir, "file,x,split\nimg/a.png,1,tset\n",
            ":2: column 3 (split) is 'tset', expected train, val or test");
    refused(dir, "file,x,y\nimg/a.png,1,1\nimg/b.png,1,2\n",
            ":3: column 3 (y) is '2', expected 1, -1 or 0");
    refused(dir, "file,split,x,y\nimg/a.png,train,1,yes\n",
            ":2: column 4 (y) is 'yes', expected 1, -1 or 0");
    refused(dir, "file,x,split,y\nimg/a.png,2,train,1\n", ":2: column 2 (x) is '2'");
    refused(dir, "file,x\nimg/a.png,0\nimg/b.png,yes\n",
            ":3: column 2 (x) is 'yes', expected 1, -1 or 0 as on line 2, or classes");
    refused(dir, "file,x\nimg/a.png,2\nimg/b.png,-1\n",
            ":2: column 2 (x) is '2', expected 1, -1 or 0 as on line 3");
    refused(dir, "file,x\nimg/a.png,1\nimg/b.png,\nimg/c.png,0\n",
            ":3: column 2 (x) is '', expected 1, -1 or 0 as on line 2, or classes on all lines");
    refused(dir, "file,x\nimg/a.png,1\nimg/b.png,\nimg/c.png,2\n",
            ":3: column 2 (x) is '', expected the name of a class");
    refused(dir, "file,x\nimg/a.png,sad\nimg/b.png,\n",
            ":3: column 2 (x) is '', expected the name of a class");
    refused(dir, "file,x,y\nimg/a.png,1,0\n", ": has 2 label columns, expected one of classes",
            {.kind = LabelKind::one_hot});
    refused(dir, "file,x\nimg/a.png,sad\n", ":2: column 2 (x) is 'sad', expected 1, -1 or 0",
            {.kind = LabelKind::multi_label});
    refused(dir, "file,x\na.png,sad\nb.png,happy\n",
            ": no row names an image; the first is " + dir.path() + "/a.png");
    CHECK_THROWS_WITH(list_csv({.path = dir.path() + "/no.csv"}), mentions("no such file"));
}
