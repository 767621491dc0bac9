#include "train/batch.h"

#include <algorithm>
#include <cstring>

#include "kernels/image/image.h"
#include "train/data/shuffle.h"

namespace sg {

namespace {

void unify(const LabelLayout& labels, int group, std::span<const float> own, float* full) {
    const int64_t dim = labels.groups[group].dim(), count = int64_t(own.size()) / dim;
    for (int64_t n = 0; n < count; ++n)
        labels.unify(group, &own[n * dim], &full[n * labels.label_dim()]);
}

/// Up to a whole number of cache lines.
int64_t padded(int64_t floats) {
    constexpr int64_t line = Arena::alignment / sizeof(float);
    return (floats + line - 1) / line * line;
}

}  // namespace

Tensor unified_labels(Device& device, const LabelLayout& labels, int group,
                      std::span<const float> own) {
    const int64_t count = int64_t(own.size()) / labels.groups[group].dim();
    std::vector<float> full(count * labels.label_dim());
    unify(labels, group, own, full.data());
    return Tensor::from_host(device, {count, labels.label_dim()}, std::span<const float>(full));
}

BatchUploader::BatchUploader(Device& device, int64_t count, ImageSize size,
                             const LabelLayout& labels, int group, uint64_t seed,
                             const ResidentImages* resident)
    : device_(device),
      labels_(labels),
      group_(group),
      seed_(seed),
      resident_(resident),
      shape_{count, size.height, size.width, 3},
      label_floats_(padded(count * labels.label_dim())),
      floats_(2 * label_floats_ + padded(count)),
      image_bytes_(resident ? size_t(count) * sizeof(int64_t) : size_t(element_count(shape_))),
      queue_(device, floats_ * sizeof(float) + image_bytes_ + size_t(count)) {
    if (!resident) return;
    require(&resident->device() == &device && resident->size() == size, "batch",
            "the resident images are {}x{} on {}, the batches {}x{} on {}", resident->size().width,
            resident->size().height, resident->device().name(), size.width, size.height,
            device.name());
}

void BatchUploader::check(const Batch& batch) const {
    const int64_t count = shape_[0], dim = labels_.groups[group_].dim();
    const size_t images = resident_ ? batch.items.size() * sizeof(int64_t) : batch.images.size();
    require(int64_t(batch.flips.size()) == count && images == image_bytes_ &&
                int64_t(batch.labels.size()) == count * dim,
            "batch", "{} flips, {} bytes{} and {} labels do not make {} images of {}",
            batch.flips.size(), images, resident_ ? " of items" : "", batch.labels.size(), count,
            to_string(shape_));
    if (!resident_) return;
    for (const int64_t item : batch.items)  // the kernel does not check
        require(item >= 0 && item < resident_->count(), "batch",
                "item {} is not among {} resident images", item, resident_->count());
}

void BatchUploader::pack(const Batch& batch, std::span<std::byte> to) const {
    check(batch);
    const int64_t count = shape_[0], dim = labels_.groups[group_].dim();
    const auto iteration = uint32_t(batch.iteration);
    const auto order = permutation(
        {.seed = seed_, .purpose = RngPurpose::target_labels, .iteration = iteration}, count);
    std::vector<float> targets(batch.labels.size());
    for (int64_t n = 0; n < count; ++n)
        std::copy_n(&batch.labels[order[n] * dim], dim, &targets[n * dim]);
    auto* floats = reinterpret_cast<float*>(to.data());
    unify(labels_, group_, batch.labels, floats);
    unify(labels_, group_, targets, floats + label_floats_);
    const Rng rng{.seed = seed_, .purpose = RngPurpose::gp_alpha, .iteration = iteration};
    for (int64_t n = 0; n < count; ++n) floats[2 * label_floats_ + n] = rng.uniform(n);
    std::byte* images = to.data() + floats_ * sizeof(float);
    if (resident_)
        std::memcpy(images, batch.items.data(), image_bytes_);
    else
        std::memcpy(images, batch.images.data(), image_bytes_);
    std::memcpy(images + image_bytes_, batch.flips.data(), batch.flips.size());
}

/// From the upload's part after the floats.
Tensor BatchUploader::images(const std::byte* uploaded) {
    const Tensor x_real = Tensor::empty(device_, shape_, DType::f32);
    ImageToTensorArgs<float> args{.N = shape_[0],
                                  .H = shape_[1],
                                  .W = shape_[2],
                                  .C = shape_[3],
                                  .C_out = shape_[3],
                                  .images = reinterpret_cast<const uint8_t*>(uploaded),
                                  .flip = reinterpret_cast<const uint8_t*>(uploaded) + image_bytes_,
                                  .y = x_real.data<float>()};
    if (resident_) {
        args.images = resident_->images();
        args.index = reinterpret_cast<const int64_t*>(uploaded);
    }
    device_.run([&](auto& context) { image_to_tensor(context, args); });
    return x_real;
}

TrainingBatch BatchUploader::upload(const Batch& batch) {
    pack(batch, queue_.host());
    const auto* there = static_cast<const std::byte*>(queue_.submit());
    const Tensor floats = Tensor::empty(device_, {floats_}, DType::f32);
    device_.copy(floats.data<float>(), there, floats_ * sizeof(float));
    const Tensor x_real = images(there + floats_ * sizeof(float));
    queue_.release();
    const Shape labels{shape_[0], labels_.label_dim()};
    return {.x_real = x_real,
            .c_org = floats.slice_flat(0, labels),
            .c_trg = floats.slice_flat(label_floats_, labels),
            .alpha = floats.slice_flat(2 * label_floats_, {shape_[0]}),
            .group = group_};
}

Tensor translate(const Generator& G, const Tensor& images, const Tensor& labels, int slice) {
    const GradMode off(false);
    Tensor out = Tensor::empty(images.device(), images.shape(), images.dtype());
    const int64_t pixels = images.size() / images.dim(0), dim = labels.dim(1);
    for (int64_t n = 0; n < images.dim(0); n += slice) {
        const int64_t count = std::min<int64_t>(slice, images.dim(0) - n);
        Shape shape = images.shape();
        shape[0] = count;
        const Tensor part = G.forward(images.slice_flat(n * pixels, shape),
                                      labels.slice_flat(n * dim, {count, dim}));
        out.slice_flat(n * pixels, shape).copy_from(part);
    }
    return out;
}

}  // namespace sg
