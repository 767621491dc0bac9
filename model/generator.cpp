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

void declare_norm(Declarations& out, const std::string& prefix, int64_t channels) {
    out.emplace_back(prefix + ".weight", Shape{channels});
    out.emplace_back(prefix + ".bias", Shape{channels});
}

Declarations declare(const ModelConfig& config) {
    Declarations out;
    const auto layer = [&](int index, Shape weight, int64_t channels) {
        out.emplace_back(main(index) + ".weight", std::move(weight));
        declare_norm(out, main(index + 1), channels);
    };
    const int64_t d = config.g_conv_dim;
    layer(0, {d, 7, 7, 3 + config.labels.label_dim()}, d);
    layer(3, {2 * d, 4, 4, d}, 2 * d);
    layer(6, {4 * d, 4, 4, 2 * d}, 4 * d);
    for (int i = 0; i < config.g_repeat_num; ++i)
        for (int half : {0, 3}) {
            const std::string prefix = main(first_residual + i) + ".main.";
            out.emplace_back(prefix + std::to_string(half) + ".weight", Shape{4 * d, 3, 3, 4 * d});
            declare_norm(out, prefix + std::to_string(half + 1), 4 * d);
        }
    // Transposed convolutions: [in, 4, 4, out], as for the convolution they are the dgrad of.
    const auto up = [&](int64_t in, int64_t channels) {
        return config.upsample == Upsample::resize ? Shape{channels, 3, 3, in}
                                                   : Shape{in, 4, 4, channels};
    };
    layer(first_up(config), up(4 * d, 2 * d), 2 * d);
    layer(first_up(config) + 3, up(2 * d, d), d);
    out.emplace_back(main(head(config)) + ".weight", Shape{3, 7, 7, d});
    return out;
}

}  // namespace

Generator::Generator(Device& device, const ModelConfig& config, Precision precision,
                     Moments moments)
    : config_(config),
      compute_(compute_type(precision)),
      math_(conv_math(precision)),
      parameters_(device, master_type(precision), declare(config), moments) {}

const Tensor& Generator::weight(int layer) const {
    return parameters_[main(layer) + ".weight"];
}

Tensor Generator::up(const Tensor& x, int layer) const {
    if (config_.upsample == Upsample::resize)
        return conv2d(upsample2x(x), weight(layer), {}, {.stride = 1, .pad = 1, .math = math_});
    return conv_transpose2d(x, weight(layer), {.stride = 2, .pad = 1, .math = math_});
}

Tensor Generator::norm(const Tensor& x, const std::string& prefix,
                       const InstanceNormOptions& options) const {
    return instance_norm(x, parameters_[prefix + ".weight"], parameters_[prefix + ".bias"],
                         options);
}

Tensor Generator::forward(const Tensor& x, const Tensor& labels) const {
    const ConvOptions same7{.stride = 1, .pad = 3, .math = math_};
    const ConvOptions same3{.stride = 1, .pad = 1, .math = math_};
    const ConvOptions half{.stride = 2, .pad = 1, .math = math_};
    const InstanceNormOptions relu{.relu = true};

    Tensor h = label_concat(cast(x, compute_), labels);
    h = norm(conv2d(h, weight(0), {}, same7), main(1), relu);
    h = norm(conv2d(h, weight(3), {}, half), main(4), relu);
    h = norm(conv2d(h, weight(6), {}, half), main(7), relu);
    for (int i = first_residual; i < first_up(config_); ++i) {
        const std::string block = main(i) + ".main.";
        Tensor inner = conv2d(h, parameters_[block + "0.weight"], {}, same3);
        inner = norm(inner, block + "1", relu);
        inner = conv2d(inner, parameters_[block + "3.weight"], {}, same3);
        h = norm(inner, block + "4", {.residual = h});
    }
    for (int i : {first_up(config_), first_up(config_) + 3}) h = norm(up(h, i), main(i + 1), relu);
    // tanh needs more digits near +-1 than bf16 has, so the last sums are kept as they are.
    const ConvOptions last{.stride = 1, .pad = 3, .out = parameters_.dtype(), .math = math_};
    return tanh(conv2d(h, weight(head(config_)), {}, last));
}

}  // namespace sg
