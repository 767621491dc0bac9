#include "train/parity_rules.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace sg {

ParityConfig read_config(const SafetensorsReader& file) {
    const auto& metadata = file.metadata();
    const auto format = metadata.find("format");
    require(format != metadata.end() && format->second == "stargan-parity-1", "parity",
            "{}: metadata 'format' is {}, expected stargan-parity-1", file.path().string(),
            format == metadata.end() ? "missing" : format->second);
    ParityConfig result;
    try {
        const auto json = nlohmann::json::parse(metadata.at("config"));
        result.model.height = result.model.width = json.at("image_size");
        result.model.g_conv_dim = json.at("g_conv_dim");
        result.model.d_conv_dim = json.at("d_conv_dim");
        result.model.g_repeat_num = json.at("g_repeat");
        result.model.d_repeat_num = json.at("d_repeat");
        for (const auto& group : json.at("groups")) {
            LabelGroup labels{.name = fmt::format("group{}", result.model.labels.groups.size()),
                              .kind = label_kind_from_string(group.at("kind")),
                              .names = {}};
            for (int i = 0; i < group.at("dim").get<int>(); ++i)
                labels.names.push_back(fmt::format("label{}", i));
            result.model.labels.groups.push_back(labels);
        }
        result.loss = {.gan = gan_loss_from_string(json.value("gan", "wgan-gp")),
                       .lambda_cls = json.at("lambda_cls"),
                       .lambda_rec = json.at("lambda_rec"),
                       .lambda_gp = json.at("lambda_gp")};
        result.adam = {
            .beta1 = json.at("beta1"), .beta2 = json.at("beta2"), .eps = json.at("adam_eps")};
        result.g_lr = json.at("g_lr");
        result.d_lr = json.at("d_lr");
        result.batch = json.at("batch");
        result.n_critic = json.at("n_critic");
        result.iterations = json.at("iterations");
        result.full = json.value("full", false);
    } catch (const std::exception& error) {
        throw Error("parity",
                    fmt::format("{}: metadata 'config': {}", file.path().string(), error.what()));
    }
    require(result.n_critic >= 1 && result.iterations >= 1 && result.batch >= 1, "parity",
            "{}: n_critic {}, iterations {} and batch {} must be at least 1", file.path().string(),
            result.n_critic, result.iterations, result.batch);
    return result;
}

/// f64: the file is stored in f32, so its numbers carry rounding of 6e-8 each, amplified by a few
/// layers. f32: sums in another order, through up to 40 layers. A free run (no gradients in the
/// file) diverges slowly: after eight updates the files' README grants 5e-3.
double base_tolerance(Kind kind, Precision precision) {
    const bool f64 = precision == Precision::f64;
    switch (kind) {
        case Kind::loss:
            return 1e-5;
        case Kind::late_loss:
            return 5e-3;
        case Kind::image:
            return f64 ? 1e-5 : 1e-4;
        case Kind::gradient:
            return 1e-4;
        case Kind::movement:
            return 5e-2;
        case Kind::free_weight:
            break;
    }
    return 3;
}
double widest_tolerance(Kind kind) {
    const bool loss = kind == Kind::loss || kind == Kind::late_loss;
    return loss ? 5e-2 : kind == Kind::free_weight ? 10 : 0.2;
}

double error_of(const Quantity& like, const std::vector<double>& a, const std::vector<double>& b) {
    if (like.kind == Kind::loss || like.kind == Kind::late_loss)
        return std::abs(a.at(0) - b.at(0)) / std::max(1.0, std::abs(b.at(0)));
    double difference = 0, norm = 0, largest = 0;
    for (size_t e = 0; e < b.size(); ++e) {
        largest = std::max(std::abs(a[e] - b[e]), largest);
        const double from = like.kind == Kind::movement ? like.initial[e] : 0;
        difference += (a[e] - b[e]) * (a[e] - b[e]);
        norm += (b[e] - from) * (b[e] - from);
    }
    if (std::isnan(difference)) return difference;
    if (like.kind == Kind::free_weight) return largest / like.unit;
    return std::sqrt(difference / std::max(norm, 1e-30));
}

const char* measure_of(Kind kind) {
    if (kind == Kind::free_weight) return "largest |error| / lr";
    return kind == Kind::loss || kind == Kind::late_loss ? "|error| / max(1, |loss|)"
           : kind == Kind::movement                      ? "||error|| / ||movement||"
                                                         : "||error|| / ||value||";
}

}  // namespace sg
