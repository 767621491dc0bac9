#include "train/data/celeba_lists.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "train/data/text_rows.h"

namespace sg {
namespace {

constexpr std::array<std::string_view, 10> kCoordinates = {
    "lefteye_x", "lefteye_y",   "righteye_x",  "righteye_y",   "nose_x",
    "nose_y",    "leftmouth_x", "leftmouth_y", "rightmouth_x", "rightmouth_y"};

// Columns of a line after the file name's, whose heading may be there or not.
bool is_landmark_heading(std::span<const std::string_view> fields) {
    if (fields.size() == kCoordinates.size() + 1) fields = fields.subspan(1);
    return std::equal(fields.begin(), fields.end(), kCoordinates.begin(), kCoordinates.end());
}

Face face_of(const std::array<float, kCoordinates.size()>& at) {
    Face face;
    // The middle of both eyes' middle and both mouth corners' middle; the nose sticks out.
    face.center = {(at[0] + at[2] + at[6] + at[8]) / 4, (at[1] + at[3] + at[7] + at[9]) / 4};
    face.low = face.high = {at[0], at[1]};
    for (size_t i = 2; i < at.size(); i += 2) {
        face.low = {std::min(face.low.x, at[i]), std::min(face.low.y, at[i + 1])};
        face.high = {std::max(face.high.x, at[i]), std::max(face.high.y, at[i + 1])};
    }
    return face;
}

Face parse_face(TextRows& rows, size_t row) {
    rows.check_row(row, kCoordinates.size());
    const auto fields = rows.fields(row);
    std::array<float, kCoordinates.size()> coordinates{};
    for (size_t i = 0; i < kCoordinates.size(); ++i) {
        const std::optional<int64_t> value = parse_integer(fields[i + 1]);
        // Landmarks may lie outside the image, but no image is larger than this.
        if (!value || *value < -100000 || *value > 100000) {
            rows.fail(row,
                      fmt::format("column {} ({}) is '{}'", i + 2, kCoordinates[i], fields[i + 1]),
                      "a whole number of pixels");
        }
        coordinates[i] = float(*value);
    }
    return face_of(coordinates);
}

}  // namespace

std::unordered_map<std::string, CelebaPart> read_partition(const std::string& path) {
    TextRows rows("partition file", path);
    rows.choose_separator(0);
    const auto heading = rows.fields(0);
    const bool headed = heading.size() == 2 && heading[1] == "partition";
    std::unordered_map<std::string, CelebaPart> parts;
    for (size_t row = headed ? 1 : 0; row < rows.size(); ++row) {
        rows.check_row(row, 1);
        const auto fields = rows.fields(row);
        const std::optional<int64_t> part = parse_integer(fields[1]);
        if (!part || *part < 0 || *part > 2) {
            rows.fail(row, fmt::format("column 2 is '{}'", fields[1]),
                      "0 (train), 1 (validation) or 2 (test)");
        }
        parts.emplace(fields[0], CelebaPart(*part));
    }
    return parts;
}

LandmarkTable read_landmarks(const std::string& path) {
    TextRows rows("landmarks file", path);
    const std::optional<int64_t> count = rows.count(0);
    const size_t heading = count ? 1 : 0;
    if (heading < rows.size()) rows.choose_separator(heading);
    if (heading == rows.size() || !is_landmark_heading(rows.fields(heading))) {
        rows.fail(std::min(heading, rows.size() - 1), "is no heading of landmarks",
                  fmt::format("{}", fmt::join(kCoordinates, " ")));
    }
    LandmarkTable table;
    for (size_t row = heading + 1; row < rows.size(); ++row) {
        const Face face = parse_face(rows, row);
        table.faces.emplace(rows.fields(row)[0], face);
    }
    if (count && *count != int64_t(table.faces.size())) {
        table.notes.push_back(fmt::format("{} line {} says {} rows, {} found", path, rows.number(0),
                                          *count, table.faces.size()));
    }
    return table;
}

}  // namespace sg
