#include "train/parity.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/safetensors.h"
#include "kernels/common/philox.h"

namespace sg {

namespace {

struct ParityConfig {
    ModelConfig model;
    LossConfig loss;
    AdamOptions adam;
    double g_lr, d_lr;
    int batch, n_critic, iterations;
    bool full;
};

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

/// How two versions of a quantity are compared, and how far they may be apart when nothing is near
/// a kink (see `widen`). Images and gradients by ||a - b|| / ||b||. Weights by the same of their
/// movement since the start, because a plain norm would pass weights that were never updated; after
/// a free run by the largest difference in units of lr, as the files' README says.
enum class Kind { loss, late_loss, image, gradient, movement, free_weight };

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
/// What a tolerance may be widened to near a kink: still far from what a wrong formula gives.
double widest_tolerance(Kind kind) {
    const bool loss = kind == Kind::loss || kind == Kind::late_loss;
    return loss ? 5e-2 : kind == Kind::free_weight ? 10 : 0.2;
}
constexpr int late_iteration = 8;

struct Quantity {
    std::string name;
    Kind kind;
    std::vector<double> values;   ///< in the file's layout
    std::vector<double> initial;  ///< movement only: where it started
    double unit = 1;              ///< free_weight only: lr
};

/// The error of `a` against `b` in the measure of `like`.
double error_of(const Quantity& like, const std::vector<double>& a, const std::vector<double>& b) {
    if (like.kind == Kind::loss || like.kind == Kind::late_loss)
        return std::abs(a.at(0) - b.at(0)) / std::max(1.0, std::abs(b.at(0)));
    double difference = 0, norm = 0, largest = 0;
    for (size_t e = 0; e < b.size(); ++e) {
        if (!(std::abs(a[e] - b[e]) <= largest)) largest = std::abs(a[e] - b[e]);  // NaN wins
        const double from = like.kind == Kind::movement ? like.initial[e] : 0;
        difference += (a[e] - b[e]) * (a[e] - b[e]);
        norm += (b[e] - from) * (b[e] - from);
    }
    if (like.kind == Kind::free_weight) return largest / like.unit;
    return std::sqrt(difference / std::max(norm, 1e-30));
}

const char* measure_of(Kind kind) {
    if (kind == Kind::free_weight) return "largest |error| / lr";
    return kind == Kind::loss || kind == Kind::late_loss ? "|error| / max(1, |loss|)"
           : kind == Kind::movement                      ? "||error|| / ||movement||"
                                                         : "||error|| / ||value||";
}

/// One replay. `noise` > 0 multiplies every input pixel by 1 + noise * (uniform in [-1, 1]).
class Replay {
  public:
    Replay(const SafetensorsReader& file, const ParityConfig& config, Device& device,
           Precision precision, double noise, uint64_t seed)
        : file_(file),
          config_(config),
          device_(device),
          type_(master_type(precision)),
          noise_(noise),
          rng_{.seed = seed},
          model_(device, config_.model, precision) {
        load("G.", model_.G.parameters());
        load("D.", model_.D.parameters());
    }

    std::vector<Quantity> run() {
        for (int i = 0; i < config_.iterations; ++i) iterate(i);
        add_final("G.", model_.G.parameters(), config_.g_lr);
        add_final("D.", model_.D.parameters(), config_.d_lr);
        for (const auto& [name, entry] : file_.entries())
            require(used_.contains(name), "parity", "{}: nothing compares tensor {}",
                    file_.path().string(), name);
        return std::move(quantities_);
    }

  private:
    std::vector<double> read(const std::string& name) {
        used_.insert(name);
        return file_.read_f64(name);
    }

    void load(const std::string& prefix, Parameters& parameters) {
        for (size_t i = 0; i < parameters.entries().size(); ++i) {
            const auto& entry = parameters.entries()[i];
            const std::string name = prefix + entry.name;
            require(file_.entry(name).shape == file_shape(entry.shape), "parity",
                    "{}: {} has shape {}, the configuration makes it {}", file_.path().string(),
                    name, to_string(file_.entry(name).shape), to_string(file_shape(entry.shape)));
            const auto values = read(name);
            parameters.assign(i, std::span<const double>(from_file_layout<double>(
                                     entry.shape, std::span<const double>(values))));
        }
    }

    Tensor matrix(const std::string& name, const Shape& shape) {
        const auto values = read(name);
        return Tensor::from_host(device_, shape, std::span<const double>(values), type_);
    }

    TrainingBatch batch(int i) {
        const std::string prefix = fmt::format("it{}.", i), x_name = prefix + "x_real";
        auto pixels = read(x_name);
        for (size_t e = 0; noise_ > 0 && e < pixels.size(); ++e)
            pixels[e] *= 1 + noise_ * (2.0 * rng_.uniform(e) - 1);
        rng_.iteration++;
        const int64_t labels = config_.model.labels.label_dim();
        return {.x_real = images_from_nchw(device_, file_.entry(x_name).shape, pixels, type_),
                .c_org = matrix(prefix + "c_org", {config_.batch, labels}),
                .c_trg = matrix(prefix + "c_trg", {config_.batch, labels}),
                .alpha = matrix(prefix + "alpha", {config_.batch}),
                .group = i % int(config_.model.labels.groups.size())};
    }

    void iterate(int i) {
        const TrainingBatch b = batch(i);
        const std::string prefix = fmt::format("it{}.", i);
        DiscriminatorStep d = reference_d_step(model_, config_.loss, b);
        add_losses(i, {{"d_real", d.loss_real},
                       {"d_fake", d.loss_fake},
                       {"d_cls", d.loss_cls},
                       {"d_gp", d.loss_gp}});
        add_image(prefix + "x_fake", d.x_fake);
        if (file_.contains(prefix + "x_hat_grad")) {
            Tensor x_hat = interpolate(b.x_real, d.x_fake, b.alpha).set_requires_grad();
            add_image(prefix + "x_hat_grad",
                      d.x_hat_grad ? d.x_hat_grad : gradient_penalty(model_.D, x_hat).grad);
        }
        add_gradients(prefix + "grad.D.", model_.D.parameters(), d.grads);
        apply(model_, d, config_.d_lr, config_.adam);
        if ((i + 1) % config_.n_critic != 0) return;
        GeneratorStep g = reference_g_step(model_, config_.loss, b);
        add_losses(i, {{"g_fake", g.loss_fake}, {"g_rec", g.loss_rec}, {"g_cls", g.loss_cls}});
        add_image(prefix + "x_rec", g.x_rec);
        add_gradients(prefix + "grad.G.", model_.G.parameters(), g.grads);
        apply(model_, g, config_.g_lr, config_.adam);
    }

    void add_losses(int i, const std::vector<std::pair<const char*, double>>& losses) {
        const Kind kind = i < late_iteration ? Kind::loss : Kind::late_loss;
        for (const auto& [name, value] : losses) {
            const std::string full = fmt::format("it{}.loss.{}", i, name);
            used_.insert(full);
            quantities_.push_back({.name = full, .kind = kind, .values = {value}, .initial = {}});
        }
    }

    void add_image(const std::string& name, const Tensor& computed) {
        if (!config_.full) return;
        used_.insert(name);
        quantities_.push_back(
            {.name = name, .kind = Kind::image, .values = images_to_nchw(computed), .initial = {}});
    }

    /// Compares gradients and then goes on from the file's: Adam's first updates turn the sign of
    /// a vanishing gradient into a full step, and the next iteration should be judged by itself.
    void add_gradients(const std::string& prefix, const Parameters& parameters,
                       std::vector<Tensor>& grads) {
        if (!config_.full) return;
        for (size_t i = 0; i < grads.size(); ++i) {
            const auto& entry = parameters.entries()[i];
            const std::string name = prefix + entry.name;
            quantities_.push_back({.name = name,
                                   .kind = Kind::gradient,
                                   .values = in_file_layout(grads[i]),
                                   .initial = {}});
            const auto given = read(name);
            grads[i] = Tensor::from_host(device_, entry.shape,
                                         std::span<const double>(from_file_layout<double>(
                                             entry.shape, std::span<const double>(given))),
                                         type_);
        }
    }

    void add_final(const std::string& prefix, const Parameters& parameters, double lr) {
        for (size_t i = 0; i < parameters.entries().size(); ++i) {
            const std::string name = prefix + parameters.entries()[i].name;
            used_.insert("final." + name);
            quantities_.push_back({.name = "final." + name,
                                   .kind = config_.full ? Kind::movement : Kind::free_weight,
                                   .values = in_file_layout(parameters.tensors()[i]),
                                   .initial = read(name),
                                   .unit = lr});
        }
    }

    static std::vector<double> in_file_layout(const Tensor& parameter) {
        return parameter.shape().size() == 4 ? images_to_nchw(parameter) : parameter.to_host();
    }

    const SafetensorsReader& file_;
    const ParityConfig& config_;
    Device& device_;
    DType type_;
    double noise_;
    Rng rng_;
    StarGan model_;
    std::set<std::string> used_;
    std::vector<Quantity> quantities_;
};

std::vector<ParityCheck> compare(const SafetensorsReader& file, Precision precision,
                                 const std::vector<Quantity>& quantities) {
    std::vector<ParityCheck> checks;
    for (const Quantity& q : quantities) {
        const auto expected = file.read_f64(q.name);
        require(expected.size() == q.values.size(), "parity", "{}: {} has {} values, expected {}",
                file.path().string(), q.name, expected.size(), q.values.size());
        checks.push_back({.name = q.name,
                          .error = error_of(q, q.values, expected),
                          .tolerance = base_tolerance(q.kind, precision),
                          .measure = measure_of(q.kind)});
    }
    return checks;
}

bool all_pass(const std::vector<ParityCheck>& checks) {
    return std::all_of(checks.begin(), checks.end(), [](const auto& c) { return c.passed(); });
}

}  // namespace

std::vector<ParityCheck> run_parity(const std::filesystem::path& path, Device& device,
                                    Precision precision) {
    require(precision != Precision::bf16, "parity",
            "bf16 rounds away what these files check; use f32 or f64");
    const SafetensorsReader file(path);
    const ParityConfig config = read_config(file);
    const auto quantities = Replay(file, config, device, precision, 0, 0).run();
    auto checks = compare(file, precision, quantities);
    // A ReLU, a LeakyReLU or the L1 loss within rounding of its kink turns rounding into a jump of
    // the gradient. How much each quantity jumps is measured: the run is repeated with inputs
    // changed by as much as rounding does, and its tolerance becomes three times what that moved.
    constexpr int repeats = 6;
    const double noise = precision == Precision::f64 ? 2e-7 : 4e-6;
    for (int k = 1; k <= repeats && !all_pass(checks); ++k) {
        const auto moved = Replay(file, config, device, precision, noise, uint64_t(k)).run();
        for (size_t i = 0; i < checks.size(); ++i) {
            const double movement = error_of(quantities[i], moved[i].values, quantities[i].values);
            const double wider = std::min(3 * movement, widest_tolerance(quantities[i].kind));
            if (wider > checks[i].tolerance) checks[i].tolerance = wider, checks[i].widened = true;
        }
    }
    return checks;
}

}  // namespace sg
