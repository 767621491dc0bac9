#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "kernels/common/error.h"
#include "tests/catch.h"
#include "tests/temp_dir.h"
#include "train/data/list_files.h"
#include "train/data/rafd.h"

using namespace sg;
using namespace sg::testing;

namespace {

void add_image(const TempDir& dir, const std::string& name) {
    write_png(dir.file(name), pattern_image(6, 6));
}

std::string file_name(int angle, const std::string& person, const std::string& expression,
                      const std::string& gaze = "frontal") {
    return fmt::format("Rafd{:03}_{}_Caucasian_female_{}_{}.png", angle, person, expression, gaze);
}

DataSource source_of(const TempDir& dir) {
    DataSource source;
    source.kind = source.name = "rafd";
    source.place = dir.path();
    source.crop = 0;
    return source;
}

std::string person_of(const std::string& path) {
    const std::string file = path.substr(path.rfind('/') + 1);
    return file.substr(8, file.find('_', 8) - 8);
}

}  // namespace

TEST_CASE("the names of RaFD's files say all", "[datasets]") {
    const TempDir dir;
    add_image(dir, file_name(90, "01", "sad"));
    add_image(dir, "one/" + file_name(45, "01", "angry", "left"));
    add_image(dir, "two/deep/" + file_name(135, "02", "happy"));
    add_image(dir, file_name(0, "02", "neutral"));
    add_image(dir, file_name(180, "02", "neutral"));
    add_image(dir, file_name(90, "02", "hapy"));
    add_image(dir, "Rafd090_02_Caucasian_female_sad.png");
    add_image(dir, "holiday.png");
    dir.write("readme.txt", "x");
    const FileList list = list_rafd({.root = dir.path()});
    CHECK(list.group.names == std::vector<std::string>{"angry", "happy", "sad"});
    CHECK(list.group.kind == LabelKind::one_hot);
    CHECK(list.names == std::vector<std::string>{file_name(90, "01", "sad"),
                                                 "one/" + file_name(45, "01", "angry", "left"),
                                                 "two/deep/" + file_name(135, "02", "happy")});
    CHECK(list.labels == std::vector<uint8_t>{0, 0, 1, 1, 0, 0, 0, 1, 0});
    const DataSummary& summary = list.summary;
    CHECK(summary.misnamed == 3);
    CHECK(summary.not_selected == 2);
    CHECK(summary.skipped_other == 1);
    CHECK(summary.skipped.size() == 6);
    const std::string text = to_string(summary, list.group, true);
    CHECK_THAT(text, mentions("camera angles (images): 0 (1), 45 (1), 90 (1), 135 (1), 180 (1)"));
    CHECK_THAT(text, mentions("gazes (images used): frontal (2), left (1)"));
    CHECK_THAT(text, mentions("holiday.png: is named otherwise: expected Rafd<angle>_<person>"));
    CHECK_THAT(text, mentions("female_sad.png: is named otherwise"));
    CHECK_THAT(text, mentions("expression 'hapy' is none of angry, contemptuous"));
    CHECK_THAT(text, mentions("camera angle 180 is not among 45, 90, 135"));
    CHECK_THAT(to_string(summary, list.group), !mentions("camera angle 180"));
}

TEST_CASE("camera angles can be chosen, but only those there are", "[datasets]") {
    const TempDir dir;
    for (const int angle : {0, 90}) add_image(dir, file_name(angle, "01", "sad"));
    CHECK(list_rafd({.root = dir.path()}).names.size() == 1);
    CHECK(list_rafd({.root = dir.path(), .angles = {0, 90}}).names.size() == 2);
    CHECK_THROWS_WITH(list_rafd({.root = dir.path(), .angles = {90, 45}}),
                      mentions("no image has camera angle 45 (hint: there are 0 (1), 90 (1)"));
    const TempDir profile;
    add_image(profile, file_name(0, "01", "sad"));
    CHECK_THROWS_WITH(list_rafd({.root = profile.path()}), mentions("no image has camera angle"));
    const TempDir other;
    add_image(other, "x.png");
    CHECK_THROWS_WITH(list_rafd({.root = other.path()}),
                      mentions("none of 1 images is named as RaFD's are; the first is x.png"));
}

TEST_CASE("no person of RaFD is in both parts", "[datasets]") {
    const TempDir dir;
    for (int person = 1; person <= 23; ++person)
        for (const char* expression : {"happy", "sad", "angry"})
            for (const int angle : {45, 90})
                add_image(dir, file_name(angle, fmt::format("{:02}", person), expression));
    const auto held_out = [&](uint64_t seed) {
        const FileList list = list_files(source_of(dir), seed);
        std::map<bool, std::set<std::string>> persons;
        for (size_t i = 0; i < list.names.size(); ++i)
            persons[list.held_out.at(i) == 1].insert(person_of(list.names[i]));
        CHECK(persons[true].size() == 2);  // a tenth of 23
        CHECK(persons[false].size() == 21);
        for (const std::string& person : persons[true]) CHECK(!persons[false].contains(person));
        return persons[true];
    };
    CHECK(held_out(1) == held_out(1));
    std::set<std::set<std::string>> drawn;
    for (uint64_t seed = 1; seed <= 4; ++seed) drawn.insert(held_out(seed));
    CHECK(drawn.size() > 1);

    DataSource chosen = source_of(dir);
    chosen.labels = {"sad", "happy"};
    const FileList list = list_files(chosen, 1);
    CHECK(list.group.names == chosen.labels);
    CHECK(list.names.size() == 23 * 4);
    CHECK(list.summary.not_selected == 23 * 2);
    CHECK(std::count(list.held_out.begin(), list.held_out.end(), 1) == 8);
}

TEST_CASE("one person of two is held out, one alone cannot be", "[datasets]") {
    const TempDir dir;
    for (const char* expression : {"happy", "sad"}) add_image(dir, file_name(90, "7", expression));
    const FileList alone = list_files(source_of(dir), 1);
    CHECK(alone.held_out.empty());
    CHECK_THAT(alone.summary.notes.back(), mentions("all images show one person"));
    for (const char* expression : {"happy", "sad"}) add_image(dir, file_name(90, "8", expression));
    const FileList two = list_files(source_of(dir), 1);
    CHECK(std::count(two.held_out.begin(), two.held_out.end(), 1) == 2);
}
