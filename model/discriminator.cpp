#include "model/discriminator.h"

namespace sg {

namespace {

std::vector<std::pair<std::string, Shape>> declare(const ModelConfig& config) {
    std::vector<std::pair<std::string, Shape>> out;
    int64_t in = 3, channels = config.d_conv_dim;
    for (int l = 0; l < config.d_repeat_num; ++l) {
        out.emplace_back(fmt::format("main.{}.weight", 2 * l), Shape{channels, 4, 4, in});
        out.emplace_back(fmt::format("main.{}.bias", 2 * l), Shape{channels});
        in = channels;
        channels *= 2;
    }
    out.emplace_back("conv1.weight", Shape{1, 3, 3, in});
    out.emplace_back("conv2.weight", Shape{config.labels.class_dim(), config.final_height(),
                                           config.final_width(), in});
    return out;
}

}  // namespace

Discriminator::Discriminator(Device& device, const ModelConfig& config, Precision precision,
                             Masters masters)
    : config_(config),
      compute_(compute_type(precision)),
      math_(conv_math(precision)),
      parameters_(device, master_type(precision), compute_, declare(config), Moments::adam,
                  masters) {}

const Tensor& Discriminator::weight(int layer) const {
    return parameters_[fmt::format("main.{}.weight", 2 * layer)];
}

const Tensor& Discriminator::bias(int layer) const {
    return parameters_[fmt::format("main.{}.bias", 2 * layer)];
}

ConvOptions Discriminator::cls_options() const {
    return {.compute = compute_, .out = parameters_.dtype(), .math = math_};
}

ConvOptions Discriminator::src_options() const {
    return {.stride = 1, .pad = 1, .compute = compute_, .out = parameters_.dtype(), .math = math_};
}

std::vector<Tensor> Discriminator::features(const Tensor& x) const {
    std::vector<Tensor> maps;
    for (int l = 0; l < config_.d_repeat_num; ++l) {
        const Tensor& in = l == 0 ? x : maps.back();
        maps.push_back(leaky_relu(conv2d(in, weight(l), bias(l), strided()), slope));
    }
    return maps;
}

Tensor Discriminator::src_head(const Tensor& last_map) const {
    return conv2d(last_map, src_weight(), {}, src_options());
}

Discriminator::Output Discriminator::forward(const Tensor& x) const {
    const Tensor h = features(x).back();
    return {.src = src_head(h), .cls = flatten(conv2d(h, cls_weight(), {}, cls_options()))};
}

}  // namespace sg
