#include "train/data/file_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/for_each_item.h"
#include "train/data/image_io.h"
#include "train/data/preprocess.h"

namespace sg {
namespace {

constexpr const char* kOperation = "data set";

class FileDataset final : public ListedDataset {
  public:
    using ListedDataset::ListedDataset;

    void read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const override {
        read_file(check(index), size, pixels);
    }
};

Finding inspect(const std::string& path, bool verify_all) {
    try {
        if (!verify_all) return {probe_image_file(path), {}};
        const Image image = read_image_file(path);
        return {{image.height, image.width}, {}};
    } catch (const Error& error) {
        return {{}, error.fact()};
    } catch (const std::exception& error) {  // out of memory
        return {{}, fmt::format("{}: {}", path, error.what())};
    }
}

// Keeps groups of `width` values, one mark each.
template <class T>
void keep(std::vector<T>& values, const std::vector<uint8_t>& marks, size_t width) {
    if (values.empty()) return;
    size_t kept = 0;
    for (size_t i = 0; i < marks.size(); ++i) {
        if (!marks[i]) continue;
        if (kept != i) {
            std::move(values.begin() + i * width, values.begin() + (i + 1) * width,
                      values.begin() + kept * width);
        }
        ++kept;
    }
    values.resize(kept * width);
}

std::vector<Finding> inspect_all(const FileList& list, const FileScanOptions& options) {
    std::vector<Finding> findings(list.names.size());
    for_each_item(findings.size(), options.threads,
                  [&](size_t i) { findings[i] = inspect(item_path(list, i), options.verify_all); });
    return findings;
}

// Takes the items whose finding is a fault out of the list, and those findings.
void drop_faulty(FileList& list, std::vector<Finding>& findings) {
    std::vector<uint8_t> good;
    std::vector<SkippedFile> faulty;
    for (size_t i = 0; i < findings.size(); ++i) {
        std::string& fault = findings[i].fault;
        good.push_back(fault.empty());
        if (fault.empty()) continue;
        std::string path = item_path(list, i);
        if (fault.starts_with(path + ": ")) fault.erase(0, path.size() + 2);
        faulty.push_back({std::move(path), std::move(fault)});
    }
    list.summary.skipped_corrupt += int64_t(faulty.size());
    list.summary.skipped.insert(list.summary.skipped.begin(), faulty.begin(), faulty.end());
    list.listed = int64_t(findings.size());
    list.places.resize(findings.size());
    std::iota(list.places.begin(), list.places.end(), 0);
    const bool held_out = any_held_out(list);
    keep_items(list, good);
    keep(findings, good, 1);
    if (!held_out || any_held_out(list) || list.names.empty()) return;
    throw Error(kOperation,
                fmt::format("{}: none of the held-out images decodes", list.summary.source),
                faulty[0].path + ": " + faulty[0].reason);
}

// Landmarks outside the crop: the network would see a part of the face only.
void note_cut_faces(FileList& list, const std::vector<Finding>& good) {
    int64_t known = 0, outside = 0;
    for (size_t i = 0; i < list.faces.size(); ++i) {
        const Face& face = list.faces[i];
        if (!face.known()) continue;
        const auto [height, width] = good[i].info;
        const Window window =
            crop_window(height, width, list.crop, list.align ? &face.center : nullptr);
        const auto top = float(window.top), left = float(window.left);
        ++known;
        outside += face.low.x < left || face.high.x >= left + float(window.width) ||
                   face.low.y < top || face.high.y >= top + float(window.height);
    }
    if (outside == 0) return;
    list.summary.notes.push_back(
        fmt::format("{} of {} faces have landmarks outside the crop of {}{}", outside, known,
                    list.crop > 0 ? fmt::format("{} pixels", list.crop) : "the whole image",
                    list.align ? "" : ": align=true centres it on the face"));
}

void measure(FileList& list, const std::vector<Finding>& good) {
    DataSummary& summary = list.summary;
    const size_t dim = list.group.names.size();
    summary.images = int64_t(good.size());
    summary.label_counts.assign(dim, 0);
    for (size_t i = 0; i < list.labels.size(); ++i) summary.label_counts[i % dim] += list.labels[i];
    int64_t small = 0;
    for (size_t i = 0; i < good.size(); ++i) {
        const auto [height, width] = good[i].info;
        summary.min_height = i == 0 ? height : std::min(summary.min_height, height);
        summary.max_height = std::max(summary.max_height, height);
        summary.min_width = i == 0 ? width : std::min(summary.min_width, width);
        summary.max_width = std::max(summary.max_width, width);
        small += std::min(height, width) < list.crop;
    }
    if (small == 0) return;
    summary.notes.push_back(
        fmt::format("{} of {} images are smaller than the crop of {} pixels: "
                    "their largest centred rectangle is used",
                    small, good.size(), list.crop));
}

void check_list(const FileList& list) {
    const size_t count = list.names.size(), dim = list.group.names.size();
    require(list.labels.size() == count * dim, kOperation, "{} label values given for {} x {}",
            list.labels.size(), count, dim);
    require(list.held_out.empty() || list.held_out.size() == count, kOperation,
            "{} test marks given for {} files", list.held_out.size(), count);
    require(list.faces.empty() || list.faces.size() == count, kOperation,
            "{} faces given for {} files", list.faces.size(), count);
    require(!list.align || !list.faces.empty(), kOperation, "no faces are given to align");
    require(list.crop >= 0, kOperation, "crop is {} pixels, expected 0 (none) or more", list.crop);
}

}  // namespace

void keep_items(FileList& list, const std::vector<uint8_t>& marks) {
    keep(list.names, marks, 1);
    keep(list.labels, marks, list.group.names.size());
    keep(list.held_out, marks, 1);
    keep(list.faces, marks, 1);
    keep(list.places, marks, 1);
}

bool any_held_out(const FileList& list) {
    return std::find(list.held_out.begin(), list.held_out.end(), 1) != list.held_out.end();
}

std::string item_path(const FileList& list, size_t item) {
    return join_path(list.root, list.names[item]);
}

Image read_item(const FileList& list, size_t item, ImageSize size, ImageInfo* decoded) {
    const Image image = read_image_file(item_path(list, item));
    if (decoded) *decoded = {image.height, image.width};
    return preprocess(image, list.crop, size, list.align ? &list.faces[item].center : nullptr);
}

void settle(FileList& list, std::vector<Finding>& findings) {
    drop_faulty(list, findings);
    measure(list, findings);
    note_cut_faces(list, findings);
}

ListedDataset::ListedDataset(FileList list) : list_(std::move(list)) {
    check_list(list_);
}

void ListedDataset::read_labels(int64_t index, std::span<float> labels) const {
    const size_t dim = list_.group.names.size();
    require(labels.size() == dim, kOperation, "{} floats given for {} labels", labels.size(), dim);
    std::copy_n(list_.labels.begin() + check(index) * dim, dim, labels.begin());
}

std::vector<int64_t> ListedDataset::fixed_test_items() const {
    std::vector<int64_t> items;
    for (size_t i = 0; i < list_.held_out.size(); ++i) {
        if (list_.held_out[i]) items.push_back(int64_t(i));
    }
    return items;
}

int64_t ListedDataset::place(int64_t index) const {
    const size_t item = check(index);
    return list_.places.empty() ? index : list_.places[item];
}

size_t ListedDataset::check(int64_t index) const {
    require(index >= 0 && index < size(), kOperation, "item {} is outside 0 to {}", index,
            size() - 1);
    return size_t(index);
}

void ListedDataset::read_file(size_t item, ImageSize size, std::span<uint8_t> pixels) const {
    const Image image = read_item(list_, item, size);
    require(pixels.size() == image.pixels.size(), kOperation, "{} bytes given for {}x{} RGB pixels",
            pixels.size(), size.width, size.height);
    std::copy(image.pixels.begin(), image.pixels.end(), pixels.begin());
}

std::unique_ptr<Dataset> make_file_dataset(FileList list, const FileScanOptions& options) {
    check_list(list);
    std::vector<Finding> findings = inspect_all(list, options);
    settle(list, findings);
    return std::make_unique<FileDataset>(std::move(list));
}

}  // namespace sg
