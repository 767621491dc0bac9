#include "model/generator.h"

namespace sg {

namespace {

using Declarations = std::vector<std::pair<std::string, Shape>>;

// Positions in the official nn.Sequential: each of the three down layers and the two up layers
// takes three (convolution, normalisation, ReLU), a residual block takes one.
constexpr int first_residual = 9;
int first_up(const ModelConfig& config) {
    return first_residual + config.g_repeat_num;
}
int head(const ModelConfig& config) {
    return first_up(config) + 6;
}

std::string main(int layer) {
    return fmt::format("main.{}", layer);
}

Declarations declare(const ModelConfig& config) {
    Declarations out;
    const auto layer = [&](const std::string& convolution, const std::string& norm, Shape weight,
                           int64_t channels) {
        out.emplace_back(convolution + ".weight", std::move(weight));
        out.emplace_back(norm + ".weight", Shape{channels});
        out.emplace_back(norm + ".bias", Shape{channels});
    };
    const int64_t d = config.g_conv_dim;
    layer(main(0), main(1), {d, 7, 7, 3 + config.labels.label_dim()}, d);
    layer(main(3), main(4), {2 * d, 4, 4, d}, 2 * d);
    layer(main(6), main(7), {4 * d, 4, 4, 2 * d}, 4 * d);
    for (int i = 0; i < config.g_repeat_num; ++i) {
        const std::string block = main(first_residual + i) + ".main.";
        layer(block + "0", block + "1", {4 * d, 3, 3, 4 * d}, 4 * d);
        layer(block + "3", block + "4", {4 * d, 3, 3, 4 * d}, 4 * d);
    }
    // Transposed convolutions: [in, 4, 4, out], as for the convolution they are the dgrad of.
    const auto up = [&](int64_t in, int64_t channels) {
        return config.upsample == Upsample::resize ? Shape{channels, 3, 3, in}
                                                   : Shape{in, 4, 4, channels};
    };
    const int u = first_up(config);
    layer(main(u), main(u + 1), up(4 * d, 2 * d), 2 * d);
    layer(main(u + 3), main(u + 4), up(2 * d, d), d);
    out.emplace_back(main(head(config)) + ".weight", Shape{3, 7, 7, d});
    return out;
}

std::vector<GeneratorLayer> make_layers(const ModelConfig& config, ConvMath math,
                                        const Parameters& parameters) {
    using Kind = GeneratorLayer::Kind;
    const ConvOptions same7{.stride = 1, .pad = 3, .math = math};
    const ConvOptions same3{.stride = 1, .pad = 1, .math = math};
    const ConvOptions half{.stride = 2, .pad = 1, .math = math};
    std::vector<GeneratorLayer> layers{{.options = same7}, {.options = half}, {.options = half}};
    for (int i = 0; i < config.g_repeat_num; ++i) {
        layers.push_back({.options = same3, .opens_block = true});
        layers.push_back({.options = same3, .closes_block = true});
    }
    const GeneratorLayer up = config.upsample == Upsample::resize
                                  ? GeneratorLayer{.kind = Kind::resized, .options = same3}
                                  : GeneratorLayer{.kind = Kind::transposed, .options = half};
    layers.insert(layers.end(), {up, up});
    // tanh needs more digits near +-1 than bf16 has, so the last sums are kept as they are.
    layers.push_back({.options = {.stride = 1, .pad = 3, .out = parameters.dtype(), .math = math}});
    const std::vector<Tensor>& p = parameters.tensors();
    for (size_t i = 0; i < layers.size(); ++i) {
        layers[i].weight = p[3 * i];
        if (i + 1 < layers.size()) layers[i].gamma = p[3 * i + 1], layers[i].beta = p[3 * i + 2];
    }
    return layers;
}

Tensor convolve(const GeneratorLayer& layer, const Tensor& x) {
    switch (layer.kind) {
        case GeneratorLayer::Kind::transposed:
            return conv_transpose2d(x, layer.weight, layer.options);
        case GeneratorLayer::Kind::resized:
            return conv2d(upsample2x(x), layer.weight, {}, layer.options);
        default:
            return conv2d(x, layer.weight, {}, layer.options);
    }
}

}  // namespace

Generator::Generator(Device& device, const ModelConfig& config, Precision precision,
                     Moments moments, Masters masters)
    : compute_(compute_type(precision)),
      parameters_(device, master_type(precision), compute_, declare(config), moments, masters),
      layers_(make_layers(config, conv_math(precision), parameters_)) {}

Tensor Generator::forward(const Tensor& x, const Tensor& labels) const {
    Tensor h = label_concat(cast(x, compute_), labels), skip;
    for (const GeneratorLayer& layer : layers_) {
        if (layer.opens_block) skip = h;
        h = convolve(layer, h);
        if (layer.is_head()) break;
        const Tensor residual = layer.closes_block ? skip : Tensor();
        h = instance_norm(h, layer.gamma, layer.beta,
                          {.relu = !layer.closes_block, .residual = residual});
    }
    return tanh(h);
}

}  // namespace sg
