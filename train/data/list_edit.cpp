#include "train/data/list_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "kernels/common/error.h"

namespace sg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOperation = "data set";

/// Absolute paths of files that are equal whichever links to their folder were followed. A folder
/// is looked up once.
class RealPaths {
  public:
    std::string of(const FileList& list, size_t item) {
        const std::string path = item_path(list, item);
        const size_t slash = path.rfind('/');
        const auto [real, is_new] = folders_.try_emplace(path.substr(0, slash + 1));
        if (is_new) real->second = fs::weakly_canonical(real->first).string();
        return join_path(real->second, path.substr(slash + 1));
    }

  private:
    std::unordered_map<std::string, std::string> folders_;
};

void refuse_shared(const FileList& list, const FileList& test, RealPaths& paths) {
    std::unordered_set<std::string> held_out;
    for (size_t i = 0; i < test.names.size(); ++i) held_out.insert(paths.of(test, i));
    size_t shared = 0;
    std::string first;
    for (size_t i = 0; i < list.names.size(); ++i) {
        std::string path = paths.of(list, i);
        if (held_out.contains(path) && ++shared == 1) first = std::move(path);
    }
    if (shared == 0) return;
    throw Error(kOperation,
                fmt::format("{} images are both in {} and in test={}, expected none; the first "
                            "is {}",
                            shared, list.root, test.root, first),
                "an image that trains cannot be held out: keep the two apart");
}

// For every label of `test` its place in `list`.
std::vector<size_t> match_labels(const FileList& list, const FileList& test) {
    const auto& known = list.group.names;
    std::vector<size_t> places;
    for (const std::string& name : test.group.names) {
        const auto place = std::find(known.begin(), known.end(), name);
        if (place == known.end()) {
            throw Error(kOperation,
                        fmt::format("{}: class '{}' is not among the training classes",
                                    test.summary.source, name),
                        fmt::format("known classes: {}", fmt::join(known, ", ")));
        }
        places.push_back(size_t(place - known.begin()));
    }
    return places;
}

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

void add_summary(DataSummary& all, const DataSummary& more) {
    all.skipped_corrupt += more.skipped_corrupt;
    all.rows_without_image += more.rows_without_image;
    all.images_without_row += more.images_without_row;
    all.skipped_other += more.skipped_other;
    all.misnamed += more.misnamed;
    all.unused_part += more.unused_part;
    all.not_selected += more.not_selected;
    append(all.notes, more.notes);
    append(all.skipped, more.skipped);
}

// The columns `columns` of the labels, in this order.
void take_columns(FileList& list, const std::vector<size_t>& columns) {
    std::vector<uint8_t> labels;
    labels.reserve(list.names.size() * columns.size());
    for (size_t i = 0; i < list.names.size(); ++i)
        for (const size_t column : columns)
            labels.push_back(list.labels[i * list.group.names.size() + column]);
    list.labels = std::move(labels);
}

std::string class_of(const FileList& list, size_t item) {
    const auto row = list.labels.begin() + int64_t(item * list.group.names.size());
    const auto mark = std::find(row, row + list.group.dim(), 1);
    return mark == row + list.group.dim() ? "" : list.group.names[size_t(mark - row)];
}

void drop_other_classes(FileList& list, const std::vector<size_t>& columns) {
    const size_t dim = list.group.names.size();
    std::vector<uint8_t> chosen;
    for (size_t i = 0; i < list.names.size(); ++i) {
        chosen.push_back(std::any_of(columns.begin(), columns.end(),
                                     [&](size_t c) { return list.labels[i * dim + c] != 0; }));
        if (chosen.back()) continue;
        ++list.summary.not_selected;
        list.summary.skipped.push_back(
            {item_path(list, i), "class '" + class_of(list, i) + "' is not selected", true});
    }
    keep_items(list, chosen);
}

}  // namespace

void hold_out(FileList& list, FileList test) {
    require(list.group.kind == test.group.kind, kOperation,
            "{} has {} labels, expected {} as {} has", test.summary.source,
            to_string(test.group.kind), to_string(list.group.kind), list.summary.source);
    require(!test.names.empty(), kOperation, "{}: there is no image to hold out",
            test.summary.source);
    const std::vector<size_t> places = match_labels(list, test);
    RealPaths paths;
    refuse_shared(list, test, paths);
    const size_t dim = list.group.names.size(), old_count = list.names.size();
    list.held_out.assign(old_count, 0);
    list.labels.resize((old_count + test.names.size()) * dim, 0);
    for (size_t i = 0; i < test.names.size(); ++i) {
        list.names.push_back(paths.of(test, i));
        list.held_out.push_back(1);
        for (size_t k = 0; k < places.size(); ++k)
            list.labels[(old_count + i) * dim + places[k]] = test.labels[i * places.size() + k];
    }
    if (!list.faces.empty() || !test.faces.empty()) {
        list.faces.resize(old_count);
        test.faces.resize(test.names.size());
        append(list.faces, test.faces);
    }
    list.summary.source += ", held out: " + test.summary.source;
    add_summary(list.summary, test.summary);
}

void select_labels(FileList& list, const std::vector<std::string>& labels) {
    std::vector<size_t> columns;
    const auto& known = list.group.names;
    for (const std::string& label : labels) {
        const auto found = std::find(known.begin(), known.end(), label);
        if (found == known.end()) {
            throw Error(kOperation,
                        fmt::format("{}: has no label '{}'", list.summary.source, label),
                        fmt::format("known labels: {}", fmt::join(known, ", ")));
        }
        const auto column = size_t(found - known.begin());
        require(std::find(columns.begin(), columns.end(), column) == columns.end(), kOperation,
                "{}: label '{}' is selected twice", list.summary.source, label);
        columns.push_back(column);
    }
    if (list.group.kind == LabelKind::one_hot) drop_other_classes(list, columns);
    take_columns(list, columns);
    list.group.names = labels;
}

void require_class_images(FileList& list) {
    if (list.group.kind != LabelKind::one_hot) return;
    const size_t dim = list.group.names.size();
    std::vector<int64_t> training(dim), held_out(dim);
    for (size_t i = 0; i < list.names.size(); ++i) {
        auto& counts = !list.held_out.empty() && list.held_out[i] ? held_out : training;
        for (size_t k = 0; k < dim; ++k) counts[k] += list.labels[i * dim + k];
    }
    for (size_t k = 0; k < dim; ++k) {
        if (training[k] > 0) continue;
        const std::string& name = list.group.names[k];
        const auto others = std::count_if(
            list.summary.skipped.begin(), list.summary.skipped.end(), [&](const SkippedFile& file) {
                return file.path.find("/" + name + "/") != file.path.npos;
            });
        throw Error(kOperation,
                    fmt::format("{}: class '{}' has no image to train on ({} held out, {} other "
                                "files in its folder)",
                                list.summary.source, name, held_out[k], others),
                    "add images or remove the class; labels=A+B chooses among classes");
    }
    std::vector<std::string> missing;
    for (size_t k = 0; k < dim; ++k)
        if (held_out[k] == 0) missing.push_back(list.group.names[k]);
    if (missing.empty() || missing.size() == dim) return;
    list.summary.notes.push_back(
        fmt::format("no held-out image has class {}", fmt::join(missing, ", ")));
}

}  // namespace sg
