#include "kernels/common/error.h"
#include "tests/catch.h"
#include "train/label_settings.h"

using namespace sg;

namespace {

const LabelGroup kFaces{
    "faces", LabelKind::multi_label, {"Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"}};
const LabelGroup kMoods{"moods", LabelKind::one_hot, {"angry", "happy", "sad"}};
const LabelLayout kBoth{{kFaces, kMoods}};

using Labels = std::vector<float>;

Labels applied(int group, const Labels& own, const std::string& text) {
    return apply_settings(kBoth.groups[group], own, parse_settings(kBoth, text));
}

}  // namespace

TEST_CASE("a setting finds its group", "[labels]") {
    CHECK(parse_settings(kBoth, "Male=1").group == 0);
    CHECK(parse_settings(kBoth, "happy").group == 1);
    CHECK(parse_settings(kBoth, "moods.happy=0.5,sad=0.5").group == 1);
    CHECK(parse_settings(kBoth, "sad").labels[0].value == 1);
    CHECK_THROWS_WITH(
        parse_settings(kBoth, "Male=1,happy"),
        Catch::Contains("two data sets, faces and moods") && Catch::Contains("translate twice"));
    const auto all = parse_settings_of_all(kBoth, "Male=1,happy,Young=0");
    REQUIRE(all.size() == 2);
    CHECK(all[0].labels.size() == 2);
    CHECK(all[1].labels.size() == 1);
    CHECK(all[1].group == 1);
}

TEST_CASE("malformed settings are refused", "[labels]") {
    for (const char* text : {"Male", "Male=", "Male=yes", "Male=1x", "Male=3", "Male=nan", "=1", "",
                             "Male=1,", "Bored=1"}) {
        INFO(text);
        CHECK_THROWS_AS(parse_settings(kBoth, text), Error);
    }
    CHECK_THROWS_WITH(parse_settings(kBoth, "Male"), Catch::Contains("'Male' is not NAME=VALUE"));
    CHECK_THROWS_WITH(parse_settings(kBoth, "Male=3"), Catch::Contains("number from -2 to 2"));
    CHECK_THROWS_WITH(parse_settings(kBoth, "Bored=1"), Catch::Contains("moods.angry"));
}

TEST_CASE("labels that exclude a set one give way by as much", "[labels]") {
    const Labels black_male{1, 0, 0, 1, 0};
    CHECK(applied(0, black_male, "Blond_Hair=1") == Labels{0, 1, 0, 1, 0});
    CHECK(applied(0, black_male, "Blond_Hair=0.25") == Labels{0.75f, 0.25f, 0, 1, 0});
    CHECK(applied(0, black_male, "Blond_Hair=0.25,Brown_Hair=0.5") ==
          Labels{0.25f, 0.25f, 0.5f, 1, 0});
    CHECK(applied(0, black_male, "Blond_Hair=1.5,Young=-0.5") == Labels{0, 1.5f, 0, 1, -0.5f});
    CHECK(applied(0, black_male, "Black_Hair=0") == Labels{0, 0, 0, 1, 0});
    CHECK(applied(0, black_male, "Male=0.5") == Labels{1, 0, 0, 0.5f, 0});
    CHECK(applied(1, {1, 0, 0}, "happy") == Labels{0, 1, 0});
    CHECK(applied(1, {1, 0, 0}, "happy=0.5") == Labels{0.5f, 0.5f, 0});
    CHECK(applied(1, {1, 0, 0}, "happy=2") == Labels{0, 2, 0});
    CHECK(applied(1, {1, 0, 0}, "angry=0.5") == Labels{0.5f, 0, 0});
    CHECK(applied(1, {1, 0, 0}, "happy=0.5,sad=0.5") == Labels{0, 0.5f, 0.5f});
}

TEST_CASE("settings that contradict each other are refused", "[labels]") {
    const Labels own{1, 0, 0, 1, 0};
    CHECK_THROWS_WITH(applied(0, own, "Male=0,Male=1"),
                      Catch::Contains("Male is set to 0 and to 1"));
    CHECK_THROWS_WITH(applied(0, own, "Black_Hair=1,Blond_Hair=1"),
                      Catch::Contains("Black_Hair and Blond_Hair exclude each other"));
    CHECK_THROWS_WITH(applied(0, own, "Black_Hair=0.5,Blond_Hair=0.4,Brown_Hair=0.3"),
                      Catch::Contains("add up to 1.2"));
    CHECK_THROWS_WITH(applied(1, {1, 0, 0}, "angry=0"),
                      Catch::Contains("no class of 'moods' is left"));
    CHECK_NOTHROW(applied(0, own, "Black_Hair=1,Blond_Hair=0"));
}
