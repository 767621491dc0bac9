#pragma once

#include "model/reference_step.h"
#include "tests/support.h"

namespace sg::testing {

inline LabelGroup group(const std::string& name, LabelKind kind, int dim) {
    LabelGroup result{.name = name, .kind = kind, .names = {}};
    for (int i = 0; i < dim; ++i) result.names.push_back(name + std::to_string(i));
    return result;
}
inline const LabelGroup kFive = group("celeba", LabelKind::multi_label, 5);
inline const LabelGroup kEight = group("rafd", LabelKind::one_hot, 8);

/// The smallest networks that have every kind of layer; two label groups.
inline ModelConfig tiny_config() {
    return {.height = 16,
            .width = 16,
            .g_conv_dim = 4,
            .g_repeat_num = 1,
            .d_conv_dim = 4,
            .d_repeat_num = 2,
            .labels = {{group("a", LabelKind::multi_label, 3), group("b", LabelKind::one_hot, 4)}}};
}

inline Tensor random_tensor(Device& device, const Shape& shape, DType dtype, uint64_t seed,
                            double low = -1, double high = 1) {
    return Tensor::from_host(
        device, shape, std::span<const double>(uniform(element_count(shape), seed, low, high)),
        dtype);
}

/// Full label vectors [N, label_dim] of `known`: random bits or one class per image.
inline Tensor random_labels(Device& device, const LabelLayout& layout, int known, int64_t N,
                            DType dtype, uint64_t seed) {
    const Rng rng{.seed = seed};
    const LabelGroup& labels = layout.groups[known];
    std::vector<float> all(N * layout.label_dim());
    for (int64_t n = 0; n < N; ++n) {
        std::vector<float> own(labels.dim());
        for (int i = 0; i < labels.dim(); ++i) own[i] = float(rng.below(n * labels.dim() + i, 2));
        if (labels.kind == LabelKind::one_hot) {
            std::fill(own.begin(), own.end(), 0.0f);
            own[rng.below(n, uint32_t(labels.dim()))] = 1;
        }
        layout.unify(known, own.data(), all.data() + n * layout.label_dim());
    }
    return Tensor::from_host(device, {N, layout.label_dim()}, std::span<const float>(all), dtype);
}

inline TrainingBatch random_batch(Device& device, const ModelConfig& config, Precision precision,
                                  int known, int64_t N, uint64_t seed) {
    const DType type = master_type(precision);
    return {.x_real = random_tensor(device, {N, config.height, config.width, 3}, type, seed),
            .c_org = random_labels(device, config.labels, known, N, type, seed + 1),
            .c_trg = random_labels(device, config.labels, known, N, type, seed + 2),
            .alpha = random_tensor(device, {N}, type, seed + 3, 0, 1),
            .group = known};
}

inline StarGan make_model(Device& device, const ModelConfig& config, Precision precision,
                          uint64_t seed = 1) {
    StarGan model(device, config, precision);
    initialise(model, seed);
    return model;
}

/// Every parameter of both networks, one after the other.
inline std::vector<std::vector<double>> all_parameters(const StarGan& model) {
    std::vector<std::vector<double>> result;
    for (const Parameters* network : {&model.G.parameters(), &model.D.parameters()})
        for (size_t i = 0; i < network->entries().size(); ++i)
            result.push_back(network->value(i).to_host());
    return result;
}

/// ||got - want|| / ||want||, or ||got|| if want is zero.
inline double distance(const Tensor& got, const Tensor& want) {
    REQUIRE(got.shape() == want.shape());
    REQUIRE(got.dtype() == want.dtype());
    const auto a = got.to_host(), b = want.to_host();
    double error = 0, scale = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        error += (a[i] - b[i]) * (a[i] - b[i]);
        scale += b[i] * b[i];
    }
    return std::sqrt(error) / (scale > 0 ? std::sqrt(scale) : 1.0);
}

}  // namespace sg::testing
