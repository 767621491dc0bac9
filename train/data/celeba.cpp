#include "train/data/celeba.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <unordered_set>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/attr_file.h"
#include "train/data/files.h"

namespace sg {

namespace fs = std::filesystem;

namespace {

constexpr const char* kOperation = "celeba";

std::vector<size_t> select_columns(const CelebaOptions& options, const AttrTable& table) {
    std::vector<size_t> columns;
    const auto& names = options.attributes.empty() ? table.names : options.attributes;
    for (const std::string& name : names) {
        const auto found = std::find(table.names.begin(), table.names.end(), name);
        if (found == table.names.end()) {
            throw Error(kOperation,
                        fmt::format("{}: has no attribute '{}'", options.attr_path, name),
                        fmt::format("known attributes: {}", fmt::join(table.names, ", ")));
        }
        const auto column = size_t(found - table.names.begin());
        require(std::find(columns.begin(), columns.end(), column) == columns.end(), kOperation,
                "attribute '{}' is selected twice", name);
        columns.push_back(column);
    }
    return columns;
}

[[noreturn]] void refuse_no_match(const CelebaOptions& options, const AttrTable& table,
                                  const FoundFiles& found) {
    const std::string first =
        found.images.empty() ? "there is no image in it" : "its first image is " + found.images[0];
    throw Error(kOperation,
                fmt::format("no row of {} names an image in {} (first row: {}; {})",
                            options.attr_path, options.image_dir, table.files[0], first),
                "names must agree, extension included");
}

std::string attribute_file_in(const fs::path& folder) {
    for (const char* name : {"list_attr_celeba.txt", "list_attr_celeba.csv"})
        if (fs::exists(folder / name)) return (folder / name).string();
    return {};
}
}  // namespace

CelebaPaths find_celeba(const std::string& path, const std::string& attr) {
    CelebaPaths found{path, attr};
    if (found.attributes.empty()) found.attributes = attribute_file_in(path);
    if (found.attributes.empty()) found.attributes = attribute_file_in(fs::absolute(path) / "..");
    for (const char* name : {"images", "img_align_celeba", "CelebA_nocrop/images"})
        if (attr.empty() && fs::is_directory(fs::path(path) / name)) {
            found.images = (fs::path(path) / name).string();
            break;
        }
    return found;
}

FileList list_celeba(const CelebaOptions& options) {
    AttrTable table = read_attr_file(options.attr_path);
    FileList list;
    list.root = options.image_dir;
    list.crop = options.crop;
    list.group = {options.name, LabelKind::multi_label, {}};
    const std::vector<size_t> columns = select_columns(options, table);
    for (const size_t column : columns) list.group.names.push_back(table.names[column]);

    FoundFiles found = find_images(kOperation, options.image_dir);
    const std::unordered_set<std::string> on_disk(found.images.begin(), found.images.end());
    for (size_t row = 0; row < table.files.size(); ++row) {
        if (!on_disk.contains(table.files[row])) continue;
        list.names.push_back(table.files[row]);
        const uint8_t* values = table.values.data() + row * table.names.size();
        for (const size_t column : columns) list.labels.push_back(values[column]);
    }
    if (list.names.empty()) refuse_no_match(options, table, found);

    DataSummary& summary = list.summary;
    const fs::path attr_path(options.attr_path);
    summary.source =
        fmt::format("celeba {} ({})", options.image_dir, attr_path.filename().string());
    summary.rows_without_image = int64_t(table.files.size() - list.names.size());
    summary.images_without_row = int64_t(found.images.size() - list.names.size());
    summary.skipped_other = found.other;
    summary.notes = std::move(table.notes);
    summary.notes.insert(summary.notes.end(), found.notes.begin(), found.notes.end());
    return list;
}

}  // namespace sg
