#include "kernels/common/error.h"
#include "model/labels.h"
#include "tests/catch.h"

using namespace sg;

namespace {

LabelGroup celeba() {
    return {"celeba",
            LabelKind::multi_label,
            {"Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"}};
}
LabelGroup rafd() {
    return {"rafd", LabelKind::one_hot, {"angry", "happy", "sad"}};
}

}  // namespace

TEST_CASE("label kinds have names that read back", "[labels]") {
    for (const LabelKind kind : {LabelKind::multi_label, LabelKind::one_hot}) {
        CHECK(label_kind_from_string(to_string(kind)) == kind);
    }
    CHECK_THROWS_WITH(label_kind_from_string("both"),
                      "labels: unknown label kind 'both', expected multi_label or one_hot");
}

TEST_CASE("an unknown label is refused with the known ones", "[labels]") {
    CHECK(celeba().index_of("Male") == 3);
    CHECK_THROWS_WITH(
        rafd().index_of("bored"),
        "labels: group 'rafd' has no label 'bored' (hint: known labels: angry, happy, "
        "sad)");
}

TEST_CASE("hair colours and classes exclude each other", "[labels]") {
    CHECK(celeba().exclusive_with(1) == std::vector<int>{0, 2});
    CHECK(celeba().exclusive_with(3).empty());
    CHECK(rafd().exclusive_with(1) == std::vector<int>{0, 2});
    CHECK_THROWS_WITH(rafd().exclusive_with(3),
                      "labels: label 3 is outside group 'rafd' of 3 labels");
    const LabelGroup grey{"g", LabelKind::multi_label, {"Gray_Hair", "Wavy_Hair", "Black_Hair"}};
    CHECK(grey.exclusive_with(0) == std::vector<int>{2});
}

TEST_CASE("one group has no mask", "[labels]") {
    const LabelLayout layout{{rafd()}};
    CHECK(layout.class_dim() == 3);
    CHECK(layout.label_dim() == 3);
    const float labels[] = {0, 1, 0};
    std::vector<float> out(4, -7.0f);  // the last one is a sentinel
    layout.unify(0, labels, out.data());
    CHECK(out == std::vector<float>{0, 1, 0, -7});
}

TEST_CASE("two groups get zeros for the other and a mask", "[labels]") {
    const LabelLayout layout{{celeba(), rafd()}};
    CHECK(layout.class_dim() == 8);
    CHECK(layout.label_dim() == 10);
    CHECK(layout.offset(0) == 0);
    CHECK(layout.offset(1) == 5);
    std::vector<float> out(11, -7.0f);
    const float attributes[] = {1, 0, 0, 1, 1};
    layout.unify(0, attributes, out.data());
    CHECK(out == std::vector<float>{1, 0, 0, 1, 1, 0, 0, 0, 1, 0, -7});
    const float expression[] = {0, 0, 1};
    layout.unify(1, expression, out.data());
    CHECK(out == std::vector<float>{0, 0, 0, 0, 0, 0, 0, 1, 0, 1, -7});
    CHECK_THROWS_WITH(layout.offset(2), "labels: group 2 is outside the layout of 2 groups");
}

TEST_CASE("a label is found by its name, or by its group's and its own", "[labels]") {
    const auto where = [](const LabelLayout& layout, const std::string& name) {
        const auto [group, label] = layout.find(name);
        return std::pair(group, label);
    };
    const LabelLayout one{{rafd()}};
    CHECK(where(one, "happy") == std::pair(0, 1));
    CHECK(where(one, "rafd.happy") == std::pair(0, 1));
    CHECK_THROWS_WITH(one.find("bored"),
                      "labels: there is no label 'bored' (hint: known labels: angry, happy, sad)");
    LabelGroup more{"more", LabelKind::multi_label, {"Smiling", "happy"}};
    const LabelLayout three{{celeba(), rafd(), more}};
    CHECK(where(three, "sad") == std::pair(1, 2));
    CHECK(where(three, "Smiling") == std::pair(2, 0));
    CHECK(where(three, "rafd.happy") == std::pair(1, 1));
    CHECK(where(three, "more.happy") == std::pair(2, 1));
    CHECK_THROWS_WITH(three.find("happy"),
                      "labels: 2 data sets have a label 'happy' (hint: say which: rafd.happy or "
                      "more.happy)");
    CHECK_THROWS_WITH(three.find("celeba.happy"), Catch::Contains("celeba.Male, celeba.Young"));
}
