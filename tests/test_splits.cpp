#include <numeric>

#include "kernels/common/error.h"
#include "tests/catch.h"
#include "tests/labelled_data.h"
#include "tests/temp_dir.h"
#include "train/data/folders.h"
#include "train/data/shuffle.h"

using namespace sg;
using namespace sg::testing;

namespace {

LabelledData rows(std::vector<std::vector<float>> values) {
    return {LabelKind::multi_label, {"x", "y"}, std::move(values)};
}

std::string refusal(const Dataset& data, int batch) {
    try {
        require_trainable(data, make_split(data, 0, 1), batch);
    } catch (const Error& error) {
        return error.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("a permutation holds every number once", "[datasets]") {
    const std::vector<int64_t> order = permutation({5, RngPurpose::test, 0}, 1000);
    std::vector<int64_t> sorted = order, expected(1000);
    std::sort(sorted.begin(), sorted.end());
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(sorted == expected);
    CHECK(order != expected);
    CHECK(order != permutation({6, RngPurpose::test, 0}, 1000));
    CHECK(permutation({5, RngPurpose::test, 0}, 0).empty());
}

TEST_CASE("a split is disjoint, sorted and a function of the seed", "[datasets]") {
    const LabelledData data = rows(std::vector<std::vector<float>>(100, {0, 1}));
    const Split split = make_split(data, 30, 7);
    CHECK(split.test.size() == 30);
    CHECK(std::is_sorted(split.test.begin(), split.test.end()));
    std::vector<int64_t> all;
    std::merge(split.train.begin(), split.train.end(), split.test.begin(), split.test.end(),
               std::back_inserter(all));
    std::vector<int64_t> expected(100);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(all == expected);
    CHECK(make_split(data, 30, 7).test == split.test);
    CHECK(make_split(data, 30, 8).test != split.test);
    CHECK(make_split(data, 90, 7).test.size() == 50);
    CHECK(make_split(data, -1, 7).test.empty());
}

TEST_CASE("data that cannot train is refused with the reason", "[datasets]") {
    CHECK(refusal(rows({{1, 0}, {0, 1}}), 2) == "accepted");
    CHECK_THAT(refusal(rows({}), 1), mentions("rows: no usable image"));
    CHECK_THAT(refusal(rows({{1, 0}, {0, 1}}), 0), mentions("batch is 0"));
    CHECK_THAT(refusal(rows({{1, 0}, {0, 1}}), 3),
               mentions("2 training images (0 held out) do not fill a batch of 3"));
    CHECK_THAT(refusal(rows({{1, 0}, {1, 1}}), 1),
               mentions("label 'x' belongs to 2 of 2 training images"));
    CHECK_THAT(refusal(rows({{1, 0}, {0, 0}}), 1),
               mentions("label 'y' belongs to 0 of 2 training images"));
    // One attribute that is on or off can be learned.
    CHECK(refusal(LabelledData(LabelKind::multi_label, {"x"}, {{1}, {0}}), 1) == "accepted");
}

TEST_CASE("the folder above the right one is caught", "[datasets]") {
    const TempDir dir;
    for (const char* name : {"faces/angry/1.png", "faces/happy/1.png"}) {
        write_png(dir.file(name), pattern_image(4, 4));
    }
    FolderOptions options;
    options.root = dir.path();
    const std::string text = refusal(*make_file_dataset(list_folders(options), {}), 1);
    CHECK_THAT(text, mentions("only one class found ('faces'), expected at least two"));
    CHECK_THAT(text, mentions("did you mean its sub-folder 'faces'?"));
    options.root += "/faces/angry";
    CHECK_THROWS_WITH(make_file_dataset(list_folders(options), {}),
                      mentions("no class folder, 1 images lie directly"));

    // A class whose images do not decode is found when they have been opened.
    dir.write("faces/sad/1.png", "");
    options.root = dir.path() + "/faces";
    const std::string empty = refusal(*make_file_dataset(list_folders(options), {}), 1);
    CHECK_THAT(empty, mentions("label 'sad' belongs to 0 of 2"));
}
