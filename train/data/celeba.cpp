#include "train/data/celeba.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/attr_file.h"
#include "train/data/celeba_lists.h"
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

// The first of the names that one of the folders has.
std::string find_file(const std::vector<fs::path>& folders, const std::vector<std::string>& names) {
    for (const std::string& name : names)
        for (const fs::path& folder : folders)
            for (const char* extension : {".txt", ".csv"})
                if (fs::exists(folder / (name + extension)))
                    return (folder / (name + extension)).string();
    return {};
}

class Reader {
  public:
    explicit Reader(const CelebaOptions& options)
        : options_(options), table_(read_attr_file(options.attr_path)) {
        list_.root = options.image_dir;
        list_.crop = options.crop;
        list_.align = options.align;
        list_.group = {options.name, LabelKind::multi_label, {}};
        columns_ = select_columns(options, table_);
        for (const size_t column : columns_) list_.group.names.push_back(table_.names[column]);
    }

    FileList list() {
        found_ = find_images(kOperation, options_.image_dir);
        keep_listed();
        DataSummary& summary = list_.summary;
        const std::string attr_name = fs::path(options_.attr_path).filename().string();
        summary.source = fmt::format("celeba {} ({})", options_.image_dir, attr_name);
        summary.skipped_other = int64_t(found_.skipped.size());
        append(summary.skipped, found_.skipped);
        append(summary.notes, table_.notes);
        append(summary.notes, found_.notes);
        note_few_rows(attr_name);
        if (!options_.partition_path.empty()) add_partition();
        if (!options_.landmarks_path.empty()) add_faces();
        return std::move(list_);
    }

  private:
    template <class T>
    static void append(std::vector<T>& all, const std::vector<T>& more) {
        all.insert(all.end(), more.begin(), more.end());
    }

    void skip(int64_t& counter, const std::string& name, const std::string& reason) {
        ++counter;
        list_.summary.skipped.push_back({join_path(list_.root, name), reason});
    }

    // The items: files that the table and the directory both have, in the order of the table.
    void keep_listed() {
        std::unordered_set<std::string_view> on_disk(found_.images.begin(), found_.images.end());
        const std::string attr_name = fs::path(options_.attr_path).filename().string();
        for (size_t row = 0; row < table_.files.size(); ++row) {
            if (on_disk.erase(table_.files[row]) == 0) {
                skip(list_.summary.rows_without_image, table_.files[row],
                     "is listed in " + attr_name + ", but not there");
                continue;
            }
            list_.names.push_back(table_.files[row]);
            const uint8_t* values = table_.values.data() + row * table_.names.size();
            for (const size_t column : columns_) list_.labels.push_back(values[column]);
        }
        if (list_.names.empty()) refuse_no_match(options_, table_, found_);
        for (const std::string& image : found_.images) {
            if (on_disk.contains(image))
                skip(list_.summary.images_without_row, image, "has no row in " + attr_name);
        }
    }

    void note_few_rows(const std::string& attr_name) {
        const size_t with_row = list_.names.size(), all = found_.images.size();
        if (with_row * 2 >= all) return;
        list_.summary.notes.push_back(
            fmt::format("only {} of {} images have a row in {}: is it the file of these images?",
                        with_row, all, attr_name));
    }

    void add_partition() {
        const auto parts = read_partition(options_.partition_path);
        const std::string name = fs::path(options_.partition_path).filename().string();
        std::vector<uint8_t> used;
        int64_t unlisted = 0, tests = 0;
        for (const std::string& file : list_.names) {
            const auto part = parts.find(file);
            unlisted += part == parts.end();
            const bool test = part != parts.end() && part->second == CelebaPart::test;
            used.push_back(part == parts.end() || part->second != CelebaPart::validation);
            list_.held_out.push_back(test);
            tests += test;
            if (used.back()) continue;
            skip(list_.summary.unused_part, file, "is for validation (" + name + "), not used");
            list_.summary.skipped.back().on_purpose = true;
        }
        auto& notes = list_.summary.notes;
        if (tests > 0) notes.push_back(fmt::format("{} are held out as {} says", tests, name));
        if (tests == 0) notes.push_back(name + " marks none of these images as test");
        if (unlisted > 0)
            notes.push_back(
                fmt::format("{} images have no line in {}: they train", unlisted, name));
        keep_items(list_, used);
    }

    void add_faces() {
        LandmarkTable landmarks = read_landmarks(options_.landmarks_path);
        append(list_.summary.notes, landmarks.notes);
        size_t missing = 0;
        const std::string* first = nullptr;
        for (const std::string& file : list_.names) {
            const auto face = landmarks.faces.find(file);
            list_.faces.push_back(face == landmarks.faces.end() ? Face{} : face->second);
            if (face != landmarks.faces.end()) continue;
            if (++missing == 1) first = &file;
        }
        if (missing == 0 || !options_.align) return;
        throw Error(kOperation,
                    fmt::format("{}: {} of {} images have no row, expected one of each to align "
                                "it; the first is {}",
                                options_.landmarks_path, missing, list_.names.size(), *first),
                    "leave out align=true to crop the middle of the images");
    }

    const CelebaOptions& options_;
    AttrTable table_;
    FoundFiles found_;
    std::vector<size_t> columns_;
    FileList list_;
};

}  // namespace

CelebaPaths find_celeba(const std::string& path, const std::string& attr) {
    CelebaPaths found{path, attr, {}, {}};
    const fs::path above = fs::absolute(path) / "..";
    if (attr.empty()) found.attributes = find_file({path, above}, {"list_attr_celeba"});
    for (const char* name : {"images", "img_align_celeba", "CelebA_nocrop/images"})
        if (attr.empty() && fs::is_directory(fs::path(path) / name)) {
            found.images = (fs::path(path) / name).string();
            break;
        }
    std::vector<fs::path> beside = {path, fs::absolute(found.images) / ".."};
    if (!found.attributes.empty())
        beside.insert(beside.begin(), fs::absolute(found.attributes).parent_path());
    beside.push_back(found.images);
    found.partition = find_file(beside, {"list_eval_partition"});
    found.landmarks = find_file(beside, {"list_landmarks_align_celeba", "list_landmarks_celeba"});
    return found;
}

FileList list_celeba(const CelebaOptions& options) {
    if (options.align && options.landmarks_path.empty()) {
        throw Error(
            kOperation,
            fmt::format("align=true needs list_landmarks_align_celeba.txt, which is neither "
                        "beside {} nor in or beside {}",
                        options.attr_path, options.image_dir));
    }
    return Reader(options).list();
}

}  // namespace sg
