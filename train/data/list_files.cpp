#include "train/data/list_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <unordered_set>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/celeba.h"
#include "train/data/csv.h"
#include "train/data/folders.h"
#include "train/data/list_edit.h"
#include "train/data/rafd.h"

namespace sg {
namespace {

constexpr const char* kOperation = "data set";

CelebaOptions celeba_options(const DataSource& source, const CelebaPaths& paths) {
    return {.image_dir = paths.images,
            .attr_path = paths.attributes,
            .attributes = source.labels,
            .crop = source.crop,
            .name = source.name,
            .partition_path = source.partition && source.test.empty() ? paths.partition : "",
            .landmarks_path = paths.landmarks,
            .align = source.align};
}

// Images of `list` that a common attribute file names and `other` has are not missing.
void forgive_rows(FileList& list, const FileList& other) {
    std::unordered_set<std::string> there;
    for (const std::string& name : other.names) there.insert(join_path(list.root, name));
    list.summary.rows_without_image -= int64_t(std::erase_if(
        list.summary.skipped, [&](const SkippedFile& file) { return there.contains(file.path); }));
}

FileList list_celeba_source(const DataSource& source) {
    const CelebaPaths paths = find_celeba(source.place, source.attr);
    require(!paths.attributes.empty(), kOperation,
            "no list_attr_celeba.txt in {} or beside it; name it with --attr-path", source.place);
    FileList list = list_celeba(celeba_options(source, paths));
    if (source.test.empty()) return list;
    if (source.partition && !paths.partition.empty())
        list.summary.notes.push_back(paths.partition +
                                     " is not used: test= names what is held out");
    CelebaPaths test_paths = find_celeba(source.test, {});
    if (test_paths.attributes.empty()) test_paths = find_celeba(source.test, paths.attributes);
    if (test_paths.landmarks.empty()) test_paths.landmarks = paths.landmarks;
    CelebaOptions options = celeba_options(source, test_paths);
    options.attributes = list.group.names;
    FileList test = list_celeba(options);
    if (std::filesystem::equivalent(paths.attributes, test_paths.attributes)) {
        const FileList listed = list;
        forgive_rows(list, test);
        forgive_rows(test, listed);
    }
    hold_out(list, std::move(test));
    return list;
}

FileList list_folders_source(const DataSource& source) {
    const FolderOptions options{
        .root = source.place, .crop = source.crop, .name = source.name, .test = source.test};
    FileList list = list_folders(options);
    if (!source.test.empty())
        hold_out(list, list_folders({.root = source.test, .crop = source.crop}));
    return list;
}

FileList list_rafd_source(const DataSource& source) {
    RafdOptions options{
        .root = source.place, .angles = source.angles, .crop = source.crop, .name = source.name};
    FileList list = list_rafd(options);
    if (source.test.empty()) return list;
    options.root = source.test;
    hold_out(list, list_rafd(options));
    return list;
}

FileList list_csv_source(const DataSource& source) {
    CsvOptions options{.path = source.place,
                       .crop = source.crop,
                       .name = source.name,
                       .kind = {},
                       .heed_split = source.test.empty()};
    FileList list = list_csv(options);
    if (source.test.empty()) return list;
    options.path = source.test;
    options.kind = list.group.kind;
    FileList test = list_csv(options);
    // Attributes must be there all, in any order; others are of no use.
    if (list.group.kind == LabelKind::multi_label) select_labels(test, list.group.names);
    hold_out(list, std::move(test));
    return list;
}

}  // namespace

void check_keys(const DataSource& source) {
    const auto only = [&](bool used, const char* key, const char* kinds, bool fits) {
        if (!used || fits) return;
        throw Error("data", fmt::format("{} has no effect on {}:{}, expected it with {} only", key,
                                        source.kind, source.place, kinds));
    };
    const bool celeba = source.kind == "celeba", synth = source.kind == "synth";
    only(!source.attr.empty(), "attr", "celeba", celeba);
    only(source.align, "align", "celeba", celeba);
    only(!source.partition, "partition", "celeba", celeba);
    only(!source.angles.empty(), "angles", "rafd", source.kind == "rafd");
    only(source.crop > 0, "crop", "data sets of image files", !synth && source.kind != "pack");
    only(!source.test.empty(), "test", "data sets of image files", !synth);
}

FileList list_files(const DataSource& source, uint64_t seed) {
    check_keys(source);
    FileList list = source.kind == "celeba"    ? list_celeba_source(source)
                    : source.kind == "folders" ? list_folders_source(source)
                    : source.kind == "rafd"    ? list_rafd_source(source)
                    : source.kind == "csv"     ? list_csv_source(source)
                                               : FileList{};
    require(!list.root.empty(), kOperation, "'{}' is no kind of image files", source.kind);
    // Before labels are chosen: a person held out for all expressions is so for any two of them.
    if (source.kind == "rafd" && source.test.empty()) hold_out_persons(list, seed);
    const bool held_out = any_held_out(list);
    // celeba's own choice has been made: its table has forty columns.
    if (!source.labels.empty() && source.kind != "celeba") select_labels(list, source.labels);
    require(any_held_out(list) || !held_out, kOperation, "{}: no held-out image is of class {}",
            list.summary.source, fmt::join(source.labels, ", "));
    require_class_images(list);
    return list;
}

}  // namespace sg
