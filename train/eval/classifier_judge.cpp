#include <algorithm>

#include "train/eval/classifier_training.h"

namespace sg {

LabelAccuracy label_accuracy(const LabelGroup& group, std::span<const float> logits,
                             std::span<const float> labels) {
    const size_t dim = size_t(group.dim()), rows = dim ? labels.size() / dim : 0;
    require(rows > 0 && logits.size() == labels.size() && labels.size() == rows * dim, "classifier",
            "{} logits and {} labels are not rows of {}", logits.size(), labels.size(), dim);
    std::vector<double> right(dim), count(dim);
    double all_right = 0;
    for (size_t n = 0; n < rows; ++n) {
        const auto logit = logits.subspan(n * dim, dim), label = labels.subspan(n * dim, dim);
        if (group.kind == LabelKind::one_hot) {
            const auto is = std::max_element(label.begin(), label.end()) - label.begin();
            const auto said = std::max_element(logit.begin(), logit.end()) - logit.begin();
            right[is] += is == said;
            all_right += is == said;
            ++count[is];
        } else {
            for (size_t i = 0; i < dim; ++i) {
                right[i] += (logit[i] > 0) == (label[i] > 0.5f);
                all_right += (logit[i] > 0) == (label[i] > 0.5f);
                ++count[i];
            }
        }
    }
    LabelAccuracy result;
    result.overall = all_right / double(group.kind == LabelKind::one_hot ? rows : rows * dim);
    for (size_t i = 0; i < dim; ++i) result.per_label.push_back(right[i] / count[i]);  // 0 / 0: NaN
    return result;
}

Judged judge(const Classifier& network, const Tensor& images, int slice) {
    const GradMode off(false);
    require(slice > 0, "classifier", "slices of {} images, expected at least 1", slice);
    const Shape& shape = images.shape();
    const ClassifierConfig& config = network.config();
    require(
        shape.size() == 4 && shape[1] == config.height && shape[2] == config.width && shape[3] == 3,
        "classifier", "images are {}, expected [N,{},{},3]", to_string(shape), config.height,
        config.width);
    const int64_t pixels = shape[1] * shape[2] * shape[3];
    Judged result;
    for (int64_t n = 0; n < shape[0]; n += slice) {
        const int64_t count = std::min<int64_t>(slice, shape[0] - n);
        const Classifier::Output part =
            network.forward(images.slice_flat(n * pixels, {count, shape[1], shape[2], shape[3]}));
        const auto features = part.features.to_host_f32(), logits = part.logits.to_host_f32();
        result.features.insert(result.features.end(), features.begin(), features.end());
        result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    }
    return result;
}

}  // namespace sg
