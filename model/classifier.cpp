#include "model/classifier.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/philox.h"

namespace sg {

namespace {

constexpr const char* feature_layer = "features";
constexpr const char* logit_layer = "logits";

std::string in_stage(int k, const char* layer) {
    return fmt::format("stage.{}.{}", k, layer);
}

int64_t channels(const ClassifierConfig& config, int k) {
    return int64_t(config.dim) * std::min(1 << k, 4);
}

/// The configuration with the number of stages that its image allows.
ClassifierConfig checked(ClassifierConfig config) {
    const auto positive = [](const char* name, int value, int most) {
        require(value >= 1 && value <= most, "classifier", "{} is {}, expected 1 to {}", name,
                value, most);
    };
    positive("height", config.height, 1 << 15);
    positive("width", config.width, 1 << 15);
    positive("dim", config.dim, 1024);
    positive("stages", config.stages, 10);
    positive("features", config.features, 1 << 16);
    require(config.labels.dim() > 0, "classifier", "there are no labels");
    const auto halves = [&](int times) {
        return config.height % (1 << times) == 0 && config.width % (1 << times) == 0;
    };
    require(halves(1), "classifier", "an image of {}x{} cannot be halved: both sides must be even",
            config.height, config.width);
    while (!halves(config.stages)) --config.stages;
    return config;
}

std::vector<std::pair<std::string, Shape>> declare(const ClassifierConfig& config) {
    std::vector<std::pair<std::string, Shape>> out;
    const auto layer = [&](const std::string& name, const Shape& weight) {
        out.emplace_back(name + ".weight", weight);
        out.emplace_back(name + ".bias", Shape{weight[0]});
    };
    int64_t in = 3;
    for (int k = 0; k < config.stages; ++k) {
        const int64_t c = channels(config, k);
        layer(in_stage(k, "down"), {c, 4, 4, in});
        layer(in_stage(k, "first"), {c, 3, 3, c});
        layer(in_stage(k, "second"), {c, 3, 3, c});
        out.emplace_back(in_stage(k, "gain"), Shape{1});
        in = c;
    }
    layer(feature_layer,
          {config.features, config.height >> config.stages, config.width >> config.stages, in});
    layer(logit_layer, {config.labels.dim(), 1, 1, config.features});
    return out;
}

}  // namespace

Classifier::Classifier(Device& device, const ClassifierConfig& config, Precision precision)
    : config_(checked(config)),
      precision_(precision),
      parameters_(device, master_type(precision), master_type(precision), declare(config_)) {}

Tensor Classifier::layer(const Tensor& x, const std::string& name, ConvOptions options) const {
    options.compute = compute_type(precision_);
    options.math = conv_math(precision_);
    return conv2d(x, parameters_[name + ".weight"], parameters_[name + ".bias"], options);
}

Classifier::Output Classifier::forward(const Tensor& x) const {
    const ConvOptions half{.stride = 2, .pad = 1}, same{.stride = 1, .pad = 1};
    Tensor h = cast(x, compute_type(precision_));
    for (int k = 0; k < config_.stages; ++k) {
        h = relu(layer(h, in_stage(k, "down"), half));
        const Tensor inner = relu(layer(h, in_stage(k, "first"), same));
        const Tensor branch = layer(inner, in_stage(k, "second"), same);
        h = add(h, scale(branch, parameters_[in_stage(k, "gain")]));
    }
    const ConvOptions whole{.out = parameters_.dtype()};  // sums as they are, not rounded
    const Tensor features = relu(layer(h, feature_layer, whole));
    return {.features = flatten(features), .logits = flatten(layer(features, logit_layer, whole))};
}

void initialise(Classifier& network, uint64_t seed) {
    Parameters& parameters = network.parameters();
    for (size_t i = 0; i < parameters.entries().size(); ++i) {
        const auto& entry = parameters.entries()[i];
        std::vector<double> values(element_count(entry.shape));
        if (entry.shape.size() == 4) {
            const Rng rng{
                .seed = seed, .purpose = RngPurpose::init_classifier, .iteration = uint32_t(i)};
            const double fan_in = double(values.size()) / double(entry.shape[0]);
            const bool logits = entry.name.starts_with(logit_layer);
            const double bound = std::sqrt((logits ? 1 : 6) / fan_in);
            for (size_t e = 0; e < values.size(); ++e)
                values[e] = (2.0 * rng.uniform(e) - 1.0) * bound;
        }
        parameters.assign(i, std::span<const double>(values));
    }
}

}  // namespace sg
