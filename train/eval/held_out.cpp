#include "train/eval/held_out.h"

#include "kernels/common/error.h"
#include "kernels/image/image.h"
#include "train/data/image_io.h"

namespace sg {

HeldOutImages read_held_out(Device& device, const Dataset& dataset, std::span<const int64_t> items,
                            ImageSize size, std::vector<std::string>& notes) {
    const size_t bytes = size_t(size.height) * size_t(size.width) * 3;
    HeldOutImages read;
    std::vector<uint8_t> pixels(bytes);
    std::vector<float> labels(size_t(dataset.label_group().dim()));
    for (const int64_t item : items) {
        try {
            dataset.read_image(item, size, pixels);
        } catch (const Error& error) {
            notes.push_back(fmt::format("left out: {}", error.what()));
            continue;
        }
        dataset.read_labels(item, labels);
        read.items.push_back(item);
        read.pixels.insert(read.pixels.end(), pixels.begin(), pixels.end());
        read.labels.insert(read.labels.end(), labels.begin(), labels.end());
    }
    if (read.items.empty()) return read;
    read.values.resize(read.pixels.size());
    CpuContext host(1);
    image_to_tensor(host, ImageToTensorArgs<float>{.N = read.count(),
                                                   .H = size.height,
                                                   .W = size.width,
                                                   .C = 3,
                                                   .C_out = 3,
                                                   .images = read.pixels.data(),
                                                   .y = read.values.data()});
    read.images = Tensor::from_host(device, {read.count(), size.height, size.width, 3},
                                    std::span<const float>(read.values));
    return read;
}

std::vector<float> full_labels(const LabelLayout& layout, int group, std::span<const float> own) {
    const int64_t dim = layout.groups.at(size_t(group)).dim(), full_dim = layout.label_dim();
    const int64_t count = int64_t(own.size()) / dim;
    std::vector<float> full(size_t(count * full_dim));
    for (int64_t n = 0; n < count; ++n)
        layout.unify(group, &own[size_t(n * dim)], &full[size_t(n * full_dim)]);
    return full;
}

std::vector<uint8_t> picture_bytes(std::span<const float> values) {
    if (values.empty()) return {};
    return image_from_float(values, 1, int(values.size() / 3)).pixels;
}

}  // namespace sg
