#include "train/data/pack_dataset.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "kernels/common/error.h"

namespace sg {
namespace {

constexpr const char* kOperation = "pack";

class PackDataset : public ListedDataset {
  public:
    /// `images` has the number of every item's image in the pack; empty: their order is the same.
    PackDataset(std::unique_ptr<PackFile> pack, FileList list, std::vector<size_t> images)
        : ListedDataset(std::move(list)), pack_(std::move(pack)), images_(std::move(images)) {}

    void read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const override {
        const size_t item = check(index);
        const ImageSize own = pack_->index().size;
        if (size != own) return read_other_size(item, size, pixels);
        require(pixels.size() == pack_image_bytes(own), kOperation,
                "{} bytes given for {}x{} RGB pixels", pixels.size(), own.width, own.height);
        std::ranges::copy(image(item), pixels.begin());
    }

    bool stored(ImageSize size) const override { return size == pack_->index().size; }

  protected:
    std::span<const uint8_t> image(size_t item) const {
        return pack_->image(images_.empty() ? item : images_[item]);
    }
    virtual void read_other_size(size_t, ImageSize size, std::span<uint8_t>) const {
        const ImageSize own = pack_->index().size;
        throw Error(kOperation, fmt::format("{} holds images of {}x{} pixels (height x width), "
                                            "not {}x{}",
                                            pack_->path().string(), own.height, own.width,
                                            size.height, size.width));
    }

    std::unique_ptr<PackFile> pack_;

  private:
    std::vector<size_t> images_;
};

class PackedFiles final : public PackDataset {
  public:
    PackedFiles(std::unique_ptr<PackFile> pack, FileList list)
        : PackDataset(std::move(pack), std::move(list), {}) {}

    void read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const override {
        const size_t item = check(index);
        if (size == pack_->index().size && !is_good(item)) {
            std::call_once(removed_, [this] { pack_->remove_file(); });
            return read_file(item, size, pixels);
        }
        PackDataset::read_image(index, size, pixels);
    }

  private:
    bool is_good(size_t item) const {
        try {
            image(item);
            return true;
        } catch (const Error&) {
            return false;
        }
    }
    void read_other_size(size_t item, ImageSize size, std::span<uint8_t> pixels) const override {
        read_file(item, size, pixels);
    }

    mutable std::once_flag removed_;
};

/// The numbers of the selected labels in the pack's group.
std::vector<int> columns_of(const std::vector<std::string>& labels, const LabelGroup& group) {
    std::vector<int> columns;
    for (const std::string& label : labels) {
        columns.push_back(group.index_of(label));
        require(std::ranges::count(labels, label) == 1, kOperation, "label '{}' is selected twice",
                label);
    }
    return columns;
}

/// Reduces a list to some labels, and if they exclude each other to the items that have one of
/// them. Returns the items that stayed.
std::vector<size_t> select(FileList& list, const std::vector<std::string>& labels) {
    const std::vector<int> columns = columns_of(labels, list.group);
    const FileList all = std::exchange(list, {});
    list.group = {all.group.name, all.group.kind, labels};
    list.crop = all.crop;
    list.listed = all.listed;
    list.summary = all.summary;
    list.summary.label_counts.assign(labels.size(), 0);
    std::vector<size_t> kept;
    for (size_t i = 0; i < all.names.size(); ++i) {
        std::vector<uint8_t> row;
        for (const int column : columns)
            row.push_back(all.labels[i * all.group.names.size() + size_t(column)]);
        if (all.group.kind == LabelKind::one_hot && std::ranges::count(row, 1) == 0) continue;
        kept.push_back(i);
        list.names.push_back(all.names[i]);
        list.labels.insert(list.labels.end(), row.begin(), row.end());
        list.places.push_back(all.places[i]);
        if (!all.held_out.empty()) list.held_out.push_back(all.held_out[i]);
        for (size_t k = 0; k < row.size(); ++k) list.summary.label_counts[k] += row[k];
    }
    list.summary.images = int64_t(kept.size());
    require(any_held_out(list) || !any_held_out(all), kOperation,
            "no held-out image of {} is of class {}", all.summary.source, fmt::join(labels, ", "));
    if (kept.size() == all.names.size()) return {};
    list.summary.notes.push_back(
        fmt::format("{} images of other classes are left out", all.names.size() - kept.size()));
    return kept;
}

}  // namespace

std::unique_ptr<Dataset> make_pack_dataset(std::unique_ptr<PackFile> pack, const DataSource& source,
                                           const std::vector<std::string>& notes) {
    const PackIndex& index = pack->index();
    FileList list = index.list;
    std::vector<size_t> images;
    if (!source.labels.empty()) images = select(list, source.labels);
    if (!source.name.empty()) list.group.name = source.name;
    DataSummary& summary = list.summary;
    summary.source = fmt::format("pack {} ({})", pack->path().string(), summary.source);
    summary.notes.insert(summary.notes.end(), notes.begin(), notes.end());
    return std::make_unique<PackDataset>(std::move(pack), std::move(list), std::move(images));
}

std::unique_ptr<Dataset> make_packed_dataset(std::unique_ptr<PackFile> pack, FileList list) {
    std::vector<Finding> findings = pack->index().findings;
    require(findings.size() == list.names.size(), kOperation,
            "{} was made of {} files, {} are listed", pack->path().string(), findings.size(),
            list.names.size());
    settle(list, findings);
    return std::make_unique<PackedFiles>(std::move(pack), std::move(list));
}

}  // namespace sg
