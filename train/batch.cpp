#include "train/batch.h"

#include <algorithm>

#include "train/data/shuffle.h"

namespace sg {

Tensor unified_labels(Device& device, const LabelLayout& labels, int group,
                      std::span<const float> own) {
    const int64_t dim = labels.groups[group].dim(), count = int64_t(own.size()) / dim;
    std::vector<float> full(count * labels.label_dim());
    for (int64_t n = 0; n < count; ++n)
        labels.unify(group, &own[n * dim], &full[n * labels.label_dim()]);
    return Tensor::from_host(device, {count, labels.label_dim()}, std::span<const float>(full));
}

TrainingBatch make_training_batch(Device& device, const Batch& batch, ImageSize size,
                                  const LabelLayout& labels, int group, uint64_t seed) {
    const int64_t count = int64_t(batch.items.size()), dim = labels.groups[group].dim();
    const auto iteration = uint32_t(batch.iteration);
    const auto order = permutation(
        {.seed = seed, .purpose = RngPurpose::target_labels, .iteration = iteration}, count);
    std::vector<float> targets(batch.labels.size()), alpha(count);
    const Rng rng{.seed = seed, .purpose = RngPurpose::gp_alpha, .iteration = iteration};
    for (int64_t n = 0; n < count; ++n) {
        std::copy_n(&batch.labels[order[n] * dim], dim, &targets[n * dim]);
        alpha[n] = rng.uniform(n);
    }
    return {.x_real = Tensor::from_host(device, {count, size.height, size.width, 3},
                                        std::span<const float>(batch.images)),
            .c_org = unified_labels(device, labels, group, batch.labels),
            .c_trg = unified_labels(device, labels, group, targets),
            .alpha = Tensor::from_host(device, {count}, std::span<const float>(alpha)),
            .group = group};
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
