#include <fmt/format.h>

#include "kernels/common/error.h"
#include "tests/catch.h"
#include "tests/temp_dir.h"
#include "train/data/celeba.h"
#include "train/data/celeba_lists.h"

using namespace sg;
using namespace sg::testing;

namespace {

const char* const kHeading =
    "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x "
    "rightmouth_y\n";

// A folder of four images of 40 x 30 pixels, a.png to d.png, and their attribute file.
struct Faces {
    TempDir dir;
    Faces() {
        dir.write("list_attr_celeba.txt",
                  "4\nBald Male\na.png 1 -1\nb.png -1 1\nc.png 1 1\n"
                  "d.png -1 -1\n");
        int seed = 0;
        for (const char* name : {"a", "b", "c", "d"})
            write_png(dir.file(std::string("images/") + name + ".png"),
                      pattern_image(30, 40, seed++));
    }
    CelebaOptions options() const {
        const CelebaPaths paths = find_celeba(dir.path(), {});
        CelebaOptions options{.image_dir = paths.images, .attr_path = paths.attributes};
        options.crop = 10;
        options.partition_path = paths.partition;
        options.landmarks_path = paths.landmarks;
        return options;
    }
    std::unique_ptr<Dataset> open(bool align = false) const {
        CelebaOptions o = options();
        o.align = align;
        return make_file_dataset(list_celeba(o), {});
    }
};

std::string all_notes(const Dataset& data) {
    std::string text;
    for (const std::string& note : data.summary().notes) text += note + "\n";
    return text;
}

// Eyes and mouth corners whose mean is (x, y), in a box of 5 x 5 pixels.
std::string landmarks_at(int x, int y) {
    return fmt::format("{} {} {} {} {} {} {} {} {} {}", x - 2, y - 2, x + 2, y - 2, x, y, x - 2,
                       y + 2, x + 2, y + 2);
}

Image cut_out(const Image& image, int top, int left, int side) {
    Image out{side, side, {}};
    for (int y = top; y < top + side; ++y)
        for (int i = 3 * left; i < 3 * (left + side); ++i)
            out.pixels.push_back(image.pixels[size_t(y * image.width * 3 + i)]);
    return out;
}

}  // namespace

TEST_CASE("a partition holds out its test images and leaves out its validation images",
          "[datasets]") {
    const Faces faces;
    faces.dir.write("list_eval_partition.txt", "a.png 0\nb.png 2\nc.png 1\nelsewhere.png 2\n");
    const auto data = faces.open();
    REQUIRE(data->size() == 3);
    CHECK(data->item_name(1) == "b.png");
    CHECK(data->item_name(2) == "d.png");
    CHECK(data->fixed_test_items() == std::vector<int64_t>{1});
    std::vector<float> labels(2);
    data->read_labels(2, labels);
    CHECK(labels == std::vector<float>{0, 0});
    const DataSummary& summary = data->summary();
    CHECK(summary.unused_part == 1);
    CHECK_THAT(all_notes(*data), mentions("1 images have no line in list_eval_partition.txt"));
    CHECK_THAT(all_notes(*data), mentions("1 are held out as list_eval_partition.txt says"));
    REQUIRE(summary.skipped.size() == 1);
    CHECK_THAT(summary.skipped[0].path, mentions("/images/c.png"));
    CHECK(summary.skipped[0].on_purpose);
    // The short form counts what is left out on purpose, the long one names it.
    const LabelGroup& group = data->label_group();
    CHECK_THAT(to_string(summary, group), !mentions("c.png"));
    CHECK_THAT(to_string(summary, group), mentions("images of an unused part     1\n"));
    CHECK_THAT(to_string(summary, group, true), mentions("c.png: is for validation"));
}

TEST_CASE("a partition lies beside the attribute file or the images, .csv too", "[datasets]") {
    const Faces faces;
    CHECK(find_celeba(faces.dir.path(), {}).partition.empty());
    const std::string inside =
        faces.dir.write("images/list_eval_partition.csv", "image_id,partition\na.png,2\n");
    CHECK(faces.open()->fixed_test_items() == std::vector<int64_t>{0});
    CHECK(faces.open()->summary().skipped_other == 1);  // the table itself
    faces.dir.write("list_eval_partition.txt", "a.png 0\nx.png 2\n");
    CHECK(faces.open()->fixed_test_items().empty());
    CHECK_THAT(all_notes(*faces.open()), mentions("marks none of these images as test"));
}

TEST_CASE("a malformed partition is refused at its line", "[datasets]") {
    const TempDir dir;
    const auto refused = [&](const std::string& text, const std::string& reason) {
        const std::string path = dir.write("p.txt", text);
        CHECK_THROWS_WITH(read_partition(path), mentions("partition file: " + path + reason));
    };
    refused("a.png 0\n\nb.png 3\n", ":3: column 2 is '3', expected 0 (train)");
    refused("a.png 0\nb.png\n", ":2: 1 columns, expected 2 (file name and 1 value)");
    refused("a.png 0\nb.png 1\na.png 1\n", ":3: 'a.png' is listed before, on line 1");
    refused("a.png train\n", ":1: column 2 is 'train'");
    refused(" \n", ": the file is empty");
}

TEST_CASE("a malformed landmarks file is refused at its line", "[datasets]") {
    const TempDir dir;
    const std::string heading = kHeading, row = "a.png " + landmarks_at(9, 9) + "\n";
    const auto refused = [&](const std::string& text, const std::string& reason) {
        const std::string path = dir.write("l.txt", text);
        CHECK_THROWS_WITH(read_landmarks(path), mentions("landmarks file: " + path + reason));
    };
    refused("1\n", ":1: is no heading of landmarks, expected lefteye_x");
    refused("1\n" + row, ":2: is no heading of landmarks");
    refused("1\n" + heading + "a.png 1 2 3\n", ":3: 4 columns, expected 11");
    refused("1\n" + heading + "a.png 1 2 3 4 5 6.5 7 8 9 10\n",
            ":3: column 7 (nose_y) is '6.5', expected a whole number of pixels");
    for (const char* far : {"-9223372036854775808", "-100001", "100001"})
        refused("1\n" + heading + "a.png " + far + " 2 3 4 5 6 7 8 9 10\n",
                std::string(":3: column 2 (lefteye_x) is '") + far + "'");
    refused("2\n" + heading + row + row, ":4: 'a.png' is listed before, on line 3");
    const LandmarkTable table = read_landmarks(dir.write("l.txt", "7\n" + heading + row));
    CHECK(table.faces.at("a.png").center.x == 9);
    REQUIRE(table.notes.size() == 1);
    CHECK_THAT(table.notes[0], mentions("says 7 rows, 1 found"));
}

TEST_CASE("the crop lies around the face and inside the image", "[datasets]") {
    const Faces faces;
    std::string text = "4\n" + std::string(kHeading);
    text += "a.png " + landmarks_at(23, 12) + "\n";
    text += "b.png " + landmarks_at(2, 26) + "\n";  // the crop would reach over the edge
    text += "c.png " + landmarks_at(37, 2) + "\n";
    text += "d.png " + landmarks_at(22, 15) + "\n";
    faces.dir.write("list_landmarks_align_celeba.txt", text);
    const auto plain = faces.open();
    // The middle is x 15 to 24, y 10 to 19: only d's landmarks are inside.
    CHECK_THAT(all_notes(*plain),
               mentions("3 of 4 faces have landmarks outside the crop of 10 pixels: align=true"));
    const auto aligned = faces.open(true);
    CHECK_THAT(all_notes(*aligned), !mentions("outside the crop"));

    const auto pixels = [](const Dataset& data, int64_t item) {
        std::vector<uint8_t> bytes(10 * 10 * 3);
        data.read_image(item, {10, 10}, bytes);
        return bytes;
    };
    // Pixel 23 is [23, 24): 10 pixels around its middle begin at 18.5, rounded to even 18.
    CHECK(pixels(*aligned, 0) == cut_out(pattern_image(30, 40, 0), 8, 18, 10).pixels);
    CHECK(pixels(*aligned, 1) == cut_out(pattern_image(30, 40, 1), 20, 0, 10).pixels);
    CHECK(pixels(*aligned, 2) == cut_out(pattern_image(30, 40, 2), 0, 30, 10).pixels);
    CHECK(pixels(*plain, 0) == cut_out(pattern_image(30, 40, 0), 10, 15, 10).pixels);

    // Another shape cuts within the crop, around the face again.
    std::vector<uint8_t> wide(5 * 10 * 3);
    aligned->read_image(1, {5, 10}, wide);
    const Image square = cut_out(pattern_image(30, 40, 1), 20, 0, 10);
    // The face is at row 26 - 20: five rows around its middle begin at 4.
    CHECK(wide ==
          std::vector<uint8_t>(square.pixels.begin() + 4 * 30, square.pixels.begin() + 9 * 30));
}

TEST_CASE("items keep their faces when a file before them is damaged", "[datasets]") {
    const Faces faces;
    std::string text = std::string(kHeading);
    for (const char* name : {"a", "b", "c", "d"})
        text += fmt::format("{}.png {}\n", name, landmarks_at(10 + 5 * (name[0] - 'a'), 15));
    faces.dir.write("list_landmarks_celeba.txt", text);
    faces.dir.write("images/b.png", "");
    const auto data = faces.open(true);
    REQUIRE(data->size() == 3);
    std::vector<uint8_t> bytes(10 * 10 * 3);
    data->read_image(1, {10, 10}, bytes);
    CHECK(bytes == cut_out(pattern_image(30, 40, 2), 10, 16, 10).pixels);
}

TEST_CASE("alignment without landmarks is refused", "[datasets]") {
    const Faces faces;
    CHECK_THROWS_WITH(faces.open(true), mentions("align=true needs list_landmarks_align_celeba"));
    faces.dir.write("list_landmarks_align_celeba.txt",
                    std::string(kHeading) + "a.png " + landmarks_at(9, 9) + "\n");
    CHECK_THROWS_WITH(faces.open(true), mentions("3 of 4 images have no row, expected one of each "
                                                 "to align it; the first is b.png"));
    CHECK_NOTHROW(faces.open(false));
}

TEST_CASE("an attribute file of other images is noted", "[datasets]") {
    const Faces faces;
    faces.dir.write("list_attr_celeba.txt", "2\nBald Male\na.png 1 -1\nz.png -1 1\n");
    const auto data = faces.open();
    CHECK_THAT(all_notes(*data), mentions("only 1 of 4 images have a row in list_attr_celeba.txt"));
    CHECK(data->summary().rows_without_image == 1);
    CHECK(data->summary().images_without_row == 3);
    const std::string all = to_string(data->summary(), data->label_group(), true);
    CHECK_THAT(all, mentions("images/z.png: is listed in list_attr_celeba.txt, but not there"));
    CHECK_THAT(all, mentions("images/c.png: has no row in list_attr_celeba.txt"));
}
