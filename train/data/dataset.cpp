#include "train/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "engine/fnv1a.h"
#include "kernels/common/error.h"
#include "train/config.h"
#include "train/data/shuffle.h"

namespace sg {
namespace {

constexpr const char* kOperation = "data set";
constexpr size_t kNamedFiles = 10;  // a longer list would bury the rest of the summary

void add_line(std::string& text, const std::string& name, const std::string& value) {
    fmt::format_to(std::back_inserter(text), "{:<28} {}\n", name, value);
}

void add_count(std::string& text, const std::string& name, int64_t count) {
    if (count > 0) add_line(text, name, std::to_string(count));
}

void add_skipped(std::string& text, const std::vector<SkippedFile>& skipped, bool all) {
    size_t faults = 0;
    for (const SkippedFile& file : skipped) {
        faults += !file.on_purpose;
        if (!all && (file.on_purpose || faults > kNamedFiles)) continue;
        add_line(text, "skipped", file.path + ": " + file.reason);
    }
    if (all || faults <= kNamedFiles) return;
    add_line(text, "skipped",
             fmt::format("{} more (sg_data validate names all)", faults - kNamedFiles));
}

std::string range(int low, int high) {
    return low == high ? std::to_string(low) : fmt::format("{} to {}", low, high);
}

std::vector<int64_t> all_except(int64_t size, const std::vector<int64_t>& sorted) {
    std::vector<int64_t> rest;
    auto next = sorted.begin();
    for (int64_t i = 0; i < size; ++i) {
        if (next != sorted.end() && *next == i) {
            ++next;
        } else {
            rest.push_back(i);
        }
    }
    return rest;
}

std::vector<int64_t> count_labels(const Dataset& dataset, const std::vector<int64_t>& items) {
    std::vector<float> labels(dataset.label_group().names.size());
    std::vector<int64_t> counts(labels.size());
    for (const int64_t item : items) {
        dataset.read_labels(item, labels);
        for (size_t i = 0; i < labels.size(); ++i) counts[i] += labels[i] != 0.0f;
    }
    return counts;
}

// What may explain that nothing is left: all notes and the first file left out.
std::string explain(const DataSummary& summary) {
    std::vector<std::string> lines = summary.notes;
    if (!summary.skipped.empty())
        lines.push_back(summary.skipped[0].path + ": " + summary.skipped[0].reason);
    return fmt::format("{}", fmt::join(lines, "; "));
}

void refuse_single_label(const Dataset& dataset) {
    const LabelGroup& group = dataset.label_group();
    const std::string& source = dataset.summary().source;
    require(group.dim() > 0, kOperation, "{}: no label to learn", source);
    // One attribute that is on or off is a task; one class is not.
    if (group.kind != LabelKind::one_hot || group.dim() > 1) return;
    throw Error(kOperation,
                fmt::format("{}: only one class found ('{}'), expected at least two", source,
                            group.names[0]),
                fmt::format("every sub-folder is one class: give the folder that holds the class "
                            "folders (or its train/ and test/), not the folder above it; did you "
                            "mean its sub-folder '{}'?",
                            group.names[0]));
}

void refuse_constant_label(const Dataset& dataset, const std::vector<int64_t>& train) {
    const LabelGroup& group = dataset.label_group();
    const std::vector<int64_t> counts = count_labels(dataset, train);
    for (int i = 0; i < group.dim(); ++i) {
        if (counts[i] != 0 && counts[i] != int64_t(train.size())) continue;
        throw Error(kOperation,
                    fmt::format("{}: label '{}' belongs to {} of {} training images, expected some "
                                "with it and some without",
                                dataset.summary().source, group.names[i], counts[i], train.size()),
                    "a label that never changes cannot be learned: leave it out or add images");
    }
}

}  // namespace

std::string to_string(const DataSummary& summary, const LabelGroup& group, bool name_all_skipped) {
    std::string text;
    add_line(text, "source", summary.source);
    add_line(text, "images", std::to_string(summary.images));
    if (summary.max_width > 0) {
        add_line(text, "width x height",
                 fmt::format("{} x {} pixels", range(summary.min_width, summary.max_width),
                             range(summary.min_height, summary.max_height)));
    }
    add_line(text, "labels", fmt::format("{} ({})", group.dim(), to_string(group.kind)));
    for (size_t i = 0; i < group.names.size() && i < summary.label_counts.size(); ++i) {
        const double share = summary.images > 0 ? 100.0 / double(summary.images) : 0.0;
        add_line(text, "  " + group.names[i],
                 fmt::format("{} ({:.1f} %)", summary.label_counts[i],
                             share * double(summary.label_counts[i])));
    }
    add_count(text, "files that do not decode", summary.skipped_corrupt);
    add_count(text, "rows without image", summary.rows_without_image);
    add_count(text, "images without row", summary.images_without_row);
    add_count(text, "files that are no images", summary.skipped_other);
    add_count(text, "files named otherwise", summary.misnamed);
    add_count(text, "images of an unused part", summary.unused_part);
    add_count(text, "images not selected", summary.not_selected);
    for (const std::string& note : summary.notes) add_line(text, "note", note);
    add_skipped(text, summary.skipped, name_all_skipped);
    return text;
}

Split make_split(const Dataset& dataset, int64_t test_count, uint64_t seed) {
    Split split;
    split.test = dataset.fixed_test_items();
    if (split.test.empty()) {
        std::vector<int64_t> places = permutation({seed, RngPurpose::split, 0}, dataset.listed());
        places.resize(size_t(std::clamp<int64_t>(test_count, 0, dataset.listed() / 2)));
        std::sort(places.begin(), places.end());
        for (int64_t i = 0; i < dataset.size(); ++i)
            if (std::binary_search(places.begin(), places.end(), dataset.place(i)))
                split.test.push_back(i);
    }
    std::sort(split.test.begin(), split.test.end());
    split.train = all_except(dataset.size(), split.test);
    return split;
}

std::string held_out_hash(const Dataset& dataset, const Split& split) {
    Fnv1a hash;
    for (const int64_t item : split.test) {
        const std::string name = dataset.item_name(item);
        hash.add(name.c_str(), name.size() + 1);
    }
    return fmt::format("{:016x}", hash.value());
}

void require_trainable(const Dataset& dataset, const Split& split, int batch) {
    const DataSummary& summary = dataset.summary();
    require(batch > 0, kOperation, "batch is {}, expected at least 1", batch);
    if (dataset.size() == 0) {
        throw Error(kOperation,
                    fmt::format("{}: no usable image ({} do not decode, {} rows without image, {} "
                                "files are no images)",
                                summary.source, summary.skipped_corrupt, summary.rows_without_image,
                                summary.skipped_other),
                    explain(summary));
    }
    refuse_single_label(dataset);
    for (const std::string& name : dataset.label_group().names)
        require(is_utf8(name), kOperation, "label '{}' is not valid UTF-8: rename it", name);
    if (int64_t(split.train.size()) < batch) {
        throw Error(kOperation,
                    fmt::format("{}: {} training images ({} held out) do not fill a batch of {}",
                                summary.source, split.train.size(), split.test.size(), batch),
                    "use a smaller batch, hold out fewer images or add some");
    }
    refuse_constant_label(dataset, split.train);
}

}  // namespace sg
