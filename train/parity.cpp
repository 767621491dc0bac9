#include "train/parity.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/safetensors.h"
#include "kernels/common/philox.h"
#include "train/parity_rules.h"

namespace sg {

namespace {

/// One replay. `noise` > 0 multiplies every input pixel by 1 + noise * (uniform in [-1, 1]).
class Replay {
  public:
    Replay(const SafetensorsReader& file, const ParityConfig& config, Device& device,
           Precision precision, StepKind step, double noise, uint64_t seed)
        : file_(file),
          config_(config),
          device_(device),
          type_(master_type(precision)),
          step_(step),
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
        training_turn(model_, config_.loss, b, step_, (i + 1) % config_.n_critic == 0,
                      [&](auto&& step) { take(i, b, step); });
    }

    void take(int i, const TrainingBatch& b, DiscriminatorStep& d) {
        const std::string prefix = fmt::format("it{}.", i);
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
    }

    void take(int i, const TrainingBatch&, GeneratorStep& g) {
        const std::string prefix = fmt::format("it{}.", i);
        add_losses(i, {{"g_fake", g.loss_fake}, {"g_rec", g.loss_rec}, {"g_cls", g.loss_cls}});
        add_image(prefix + "x_rec", g.x_rec);
        add_gradients(prefix + "grad.G.", model_.G.parameters(), g.grads);
        apply(model_, g, config_.g_lr, config_.adam);
    }

    void add_losses(int i, const std::vector<std::pair<const char*, Tensor>>& losses) {
        const Kind kind = i < late_iteration ? Kind::loss : Kind::late_loss;
        for (const auto& [name, loss] : losses) {
            const std::string full = fmt::format("it{}.loss.{}", i, name);
            used_.insert(full);
            quantities_.push_back(
                {.name = full, .kind = kind, .values = loss.to_host(), .initial = {}});
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
                                   .values = in_file_layout(parameters.value(i)),
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
    StepKind step_;
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
                                    Precision precision, StepKind step) {
    require(precision == Precision::f32 || precision == Precision::f64, "parity",
            "{} rounds away what these files check; use f32 or f64", to_string(precision));
    const SafetensorsReader file(path);
    const ParityConfig config = read_config(file);
    const auto quantities = Replay(file, config, device, precision, step, 0, 0).run();
    auto checks = compare(file, precision, quantities);
    // A ReLU, a LeakyReLU or the L1 loss within rounding of its kink turns rounding into a jump of
    // the gradient. How much each quantity jumps is measured: the run is repeated with inputs
    // changed by as much as rounding does, and its tolerance becomes three times what that moved.
    constexpr int repeats = 6;
    const double noise = precision == Precision::f64 ? 2e-7 : 4e-6;
    for (int k = 1; k <= repeats && !all_pass(checks); ++k) {
        const auto moved = Replay(file, config, device, precision, step, noise, uint64_t(k)).run();
        for (size_t i = 0; i < checks.size(); ++i) {
            const double movement = error_of(quantities[i], moved[i].values, quantities[i].values);
            const double wider = std::min(3 * movement, widest_tolerance(quantities[i].kind));
            if (wider > checks[i].tolerance) checks[i].tolerance = wider, checks[i].widened = true;
        }
    }
    return checks;
}

}  // namespace sg
