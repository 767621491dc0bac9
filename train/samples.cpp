#include "train/samples.h"

#include <cmath>

#include "kernels/image/image.h"
#include "train/data/image_io.h"
#include "train/label_guess.h"

namespace sg {

std::vector<TargetColumn> target_columns(const LabelLayout& layout) {
    std::vector<TargetColumn> columns;
    for (int g = 0; g < int(layout.groups.size()); ++g)
        for (int i = 0; i < layout.groups[g].dim(); ++i)
            columns.push_back({layout.groups[g].names[i], g, i});
    return columns;
}

std::vector<float> target_labels(const LabelGroup& group, std::span<const float> own, int label) {
    std::vector<float> target(own.begin(), own.end());
    const auto excluded = group.exclusive_with(label);
    target[label] = excluded.empty() ? 1 - own[label] : 1.0f;
    for (int other : excluded) target[other] = 0;
    return target;
}

std::vector<float> all_targets(const LabelGroup& group, std::span<const float> own, int label) {
    std::vector<float> targets;
    for (size_t at = 0; at < own.size(); at += group.dim()) {
        const auto target = target_labels(group, own.subspan(at, group.dim()), label);
        targets.insert(targets.end(), target.begin(), target.end());
    }
    return targets;
}

Faces load_faces(Device& device, const Dataset& dataset, std::span<const int64_t> items,
                 ImageSize size) {
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

void SampleGrid::add(Device& device, const Dataset& dataset, std::span<const int64_t> items,
                     int group) {
    if (!items.empty()) rows_.push_back({load_faces(device, dataset, items, size_), group});
}

namespace {

/// Copies images to consecutive rows of one column of a grid.
void paste(Image& grid, const Tensor& images, ImageSize size, int first_row, int column) {
    const auto values = images.to_host_f32();
    const size_t face = size_t(size.height) * size.width * 3, row_bytes = size_t(size.width) * 3;
    for (int64_t n = 0; n < images.dim(0); ++n) {
        const Image one =
            image_from_float(std::span(values).subspan(n * face, face), size.height, size.width);
        for (int y = 0; y < size.height; ++y)
            std::copy_n(&one.pixels[y * row_bytes], row_bytes,
                        &grid.pixels[(size_t(first_row + n) * size.height + y) * grid.width * 3 +
                                     column * row_bytes]);
    }
}

}  // namespace

void SampleGrid::write(const StarGan& model, const std::filesystem::path& path) const {
    const auto columns = target_columns(layout_);
    int count = 0;
    for (const Rows& rows : rows_) count += int(rows.faces.images.dim(0));
    Image grid{.height = count * size_.height,
               .width = int(columns.size() + 1) * size_.width,
               .pixels = {}};
    grid.pixels.resize(size_t(grid.height) * grid.width * 3);
    int first_row = 0;
    for (const auto& [faces, group] : rows_) {
        paste(grid, faces.images, size_, first_row, 0);
        std::vector<std::vector<float>> own;
        for (int g = 0; g < int(layout_.groups.size()); ++g)
            own.push_back(g == group ? faces.labels : guess_labels(model.D, g, faces.images));
        for (size_t c = 0; c < columns.size(); ++c) {
            const auto& [name, g, label] = columns[c];
            const Tensor labels = unified_labels(faces.images.device(), layout_, g,
                                                 all_targets(layout_.groups[g], own[g], label));
            paste(grid, translate(display_generator(model), faces.images, labels), size_, first_row,
                  int(c) + 1);
        }
        first_row += int(faces.images.dim(0));
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
    const Faces faces = load_faces(device, dataset, items, size);
    const auto inputs = faces.images.to_host_f32();
    std::vector<TruthError> errors;
    for (int label = 0; label < names.dim(); ++label) {
        const auto targets = all_targets(names, faces.labels, label);
        const auto translated =
            translate(G, faces.images, unified_labels(device, labels, group, targets))
                .to_host_f32();
        TruthError error{.target = names.names[label]};
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
