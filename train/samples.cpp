#include "train/samples.h"

#include <cmath>

#include "kernels/image/image.h"
#include "train/data/image_io.h"

namespace sg {

std::vector<TargetColumn> target_columns(const LabelGroup& group) {
    std::vector<TargetColumn> columns;
    for (int i = 0; i < group.dim(); ++i) columns.push_back({group.names[i], i});
    return columns;
}

std::vector<float> target_labels(const LabelGroup& group, std::span<const float> own, int label) {
    std::vector<float> target(own.begin(), own.end());
    const auto excluded = group.exclusive_with(label);
    target[label] = excluded.empty() ? 1 - own[label] : 1.0f;
    for (int other : excluded) target[other] = 0;
    return target;
}

namespace {

struct Faces {
    Tensor images;              ///< [N, H, W, 3]
    std::vector<float> labels;  ///< [N, dim]
};

Faces load(Device& device, const Dataset& dataset, std::span<const int64_t> items, ImageSize size) {
    const int dim = dataset.label_group().dim();
    const size_t values = size_t(size.height) * size.width * 3;
    std::vector<uint8_t> pixels(values * items.size());
    std::vector<float> floats(pixels.size()), labels(dim * items.size());
    for (size_t n = 0; n < items.size(); ++n) {
        dataset.read_image(items[n], size, std::span(pixels).subspan(n * values, values));
        dataset.read_labels(items[n], std::span(labels).subspan(n * dim, dim));
    }
    CpuContext host(1);
    image_to_tensor(host, ImageToTensorArgs<float>{.N = int64_t(items.size()),
                                                   .H = size.height,
                                                   .W = size.width,
                                                   .C = 3,
                                                   .C_out = 3,
                                                   .images = pixels.data(),
                                                   .y = floats.data()});
    return {Tensor::from_host(device, {int64_t(items.size()), size.height, size.width, 3},
                              std::span<const float>(floats)),
            std::move(labels)};
}

std::vector<float> all_targets(const LabelGroup& group, const std::vector<float>& own, int label) {
    std::vector<float> targets;
    for (size_t at = 0; at < own.size(); at += group.dim()) {
        const auto target = target_labels(group, std::span(own).subspan(at, group.dim()), label);
        targets.insert(targets.end(), target.begin(), target.end());
    }
    return targets;
}

}  // namespace

SampleGrid::SampleGrid(Device& device, const Dataset& dataset, std::span<const int64_t> items,
                       ImageSize size, const LabelLayout& labels, int group)
    : layout_(labels), group_(group), size_(size) {
    const Faces faces = load(device, dataset, items, size);
    images_ = faces.images;
    const LabelGroup& names = layout_.groups[group];
    for (const TargetColumn& column : target_columns(names))
        targets_.push_back(
            unified_labels(device, layout_, group, all_targets(names, faces.labels, column.label)));
}

void SampleGrid::write(const Generator& G, const std::filesystem::path& path) const {
    const int rows = int(images_.dim(0)), columns = int(targets_.size()) + 1;
    Image grid{.height = rows * size_.height, .width = columns * size_.width, .pixels = {}};
    grid.pixels.resize(size_t(grid.height) * grid.width * 3);
    for (int c = 0; c < columns; ++c) {
        const Tensor shown = c == 0 ? images_ : translate(G, images_, targets_[c - 1]);
        const auto values = shown.to_host_f32();
        const size_t face = size_t(size_.height) * size_.width * 3, row_bytes = size_.width * 3;
        for (int r = 0; r < rows; ++r) {
            const Image one = image_from_float(std::span(values).subspan(r * face, face),
                                               size_.height, size_.width);
            for (int y = 0; y < size_.height; ++y)
                std::copy_n(&one.pixels[y * row_bytes], row_bytes,
                            &grid.pixels[(size_t(r * size_.height + y) * columns + c) * row_bytes]);
        }
    }
    write_png(path.string(), grid);
}

namespace {

double mean_difference(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
    int64_t sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += std::abs(int(a[i]) - int(b[i]));
    return double(sum) / double(a.size());
}

}  // namespace

std::vector<TruthError> measure_truth_error(Device& device, const Generator& G,
                                            const SynthDataset& dataset,
                                            std::span<const int64_t> items, ImageSize size,
                                            const LabelLayout& labels, int group) {
    const LabelGroup& names = dataset.label_group();
    const size_t dim = names.dim(), face = size_t(size.height) * size.width * 3;
    const Faces faces = load(device, dataset, items, size);
    const auto inputs = faces.images.to_host_f32();
    std::vector<TruthError> errors;
    for (const TargetColumn& column : target_columns(names)) {
        const auto targets = all_targets(names, faces.labels, column.label);
        const auto translated =
            translate(G, faces.images, unified_labels(device, labels, group, targets))
                .to_host_f32();
        TruthError error{.target = column.name};
        std::vector<uint8_t> truth(face);
        for (size_t n = 0; n < items.size(); ++n) {
            const auto own = std::span(faces.labels).subspan(n * dim, dim);
            const auto target = std::span(targets).subspan(n * dim, dim);
            if (std::equal(own.begin(), own.end(), target.begin())) continue;
            dataset.render_with_labels(items[n], target, size, truth);
            const auto bytes = [&](const std::vector<float>& values) {
                return image_from_float(std::span(values).subspan(n * face, face), size.height,
                                        size.width)
                    .pixels;
            };
            ++error.faces;
            error.copy += mean_difference(bytes(inputs), truth);
            error.translated += mean_difference(bytes(translated), truth);
        }
        error.copy /= double(std::max<int64_t>(1, error.faces));
        error.translated /= double(std::max<int64_t>(1, error.faces));
        errors.push_back(error);
    }
    return errors;
}

std::string to_table(const std::vector<TruthError>& errors) {
    std::string text = fmt::format("{:<14} {:>6}  {:>12}  {:>12}  {:>6}\n", "target", "faces",
                                   "copy input", "translated", "ratio");
    for (const TruthError& e : errors)
        text += fmt::format("{:<14} {:>6}  {:>12.2f}  {:>12.2f}  {:>6.2f}\n", e.target, e.faces,
                            e.copy, e.translated, e.translated / std::max(e.copy, 1e-9));
    return text;
}

}  // namespace sg
