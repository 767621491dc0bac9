#pragma once

#include <algorithm>

#include "engine/ops.h"
#include "tests/model_cases.h"
#include "train/memory_plan.h"
#include "train/parity_rules.h"

// The whole model on the simulated device and on a GPU against the CPU: other kernels, one
// mathematics.
// Quantities are compared as in parity files, images and gradients by ||a - b|| / ||b||. Sums in
// another order change the last bits, and where a ReLU, a LeakyReLU or the L1 loss is that close to
// its kink, the gradient jumps, by some percent if a layer has 10^3 elements. In bf16 every value
// close to the middle between two of its numbers jumps too. How far is measured: the CPU repeats
// the step with images changed by as much as rounding does, and three times the largest movement
// is tolerated where that is more than `base`, which holds without jumps. In f32 that makes for
// 1e-4 and less; in bf16 for some percent in D and up to `widest` in the gradients of G, whose
// layers of so few pixels pass on each other's jumps.

namespace sg::testing {

using Quantities = std::vector<Quantity>;

struct Tolerance {
    double base, widest;   ///< a wrong kernel is off by more than the widest
    double noise;          ///< relative change of the images
    bool weights = false;  ///< and of the parameters: the CPU rounds neither, the device both
};
inline Tolerance tolerance_of(Precision precision) {
    if (precision == Precision::f32) return {.base = 5e-5, .widest = 0.1, .noise = 4e-6};
    if (precision == Precision::tf32)
        return {.base = 2e-2, .widest = 0.5, .noise = 0x1p-11, .weights = true};
    return {.base = 1e-3, .widest = 0.5, .noise = half_ulp<bf16>};
}

inline void add(Quantities& out, const std::string& name, Kind kind,
                const std::vector<double>& values) {
    out.push_back({.name = name, .kind = kind, .values = values, .initial = {}});
}

inline void add_gradients(Quantities& out, const Parameters& parameters,
                          const std::vector<Tensor>& g) {
    for (size_t i = 0; i < g.size(); ++i)
        add(out, parameters.entries()[i].name, Kind::gradient, g[i].to_host());
}

inline Quantities quantities(const StarGan& model, const DiscriminatorStep& s) {
    Quantities out;
    add(out, "loss_real", Kind::loss, s.loss_real.to_host());
    add(out, "loss_fake", Kind::loss, s.loss_fake.to_host());
    add(out, "loss_cls", Kind::loss, s.loss_cls.to_host());
    add(out, "loss_gp", Kind::loss, s.loss_gp.to_host());
    add(out, "gradient_norm", Kind::loss, s.gradient_norm.to_host());
    add(out, "x_fake", Kind::image, s.x_fake.to_host());
    add(out, "x_hat_grad", Kind::image, s.x_hat_grad.to_host());
    add(out, "real_logits", Kind::image, s.real_logits.to_host());
    add_gradients(out, model.D.parameters(), s.grads);
    return out;
}

inline Quantities quantities(const StarGan& model, const GeneratorStep& s) {
    Quantities out;
    add(out, "loss_fake", Kind::loss, s.loss_fake.to_host());
    add(out, "loss_cls", Kind::loss, s.loss_cls.to_host());
    add(out, "loss_rec", Kind::loss, s.loss_rec.to_host());
    add(out, "x_rec", Kind::image, s.x_rec.to_host());
    add_gradients(out, model.G.parameters(), s.grads);
    return out;
}

inline TrainingBatch noisy(TrainingBatch batch, double noise, uint64_t seed) {
    auto pixels = batch.x_real.to_host();
    const auto change = uniform(int64_t(pixels.size()), seed);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] *= 1 + noise * change[i];
    batch.x_real = Tensor::from_host(batch.x_real.device(), batch.x_real.shape(),
                                     std::span<const double>(pixels), DType::f32);
    return batch;
}

inline StarGan noisy(const StarGan& model, Device& device, double noise, uint64_t seed) {
    StarGan changed(device, model.config, model.precision);
    const auto change = [&](const Parameters& from, Parameters& to) {
        for (size_t i = 0; i < from.entries().size(); ++i) {
            auto values = from.tensors()[i].to_host();
            const auto by = uniform(int64_t(values.size()), seed + 100 * i);
            for (size_t e = 0; e < values.size(); ++e) values[e] *= 1 + noise * by[e];
            to.assign(i, std::span<const double>(values));
        }
    };
    change(model.G.parameters(), changed.G.parameters());
    change(model.D.parameters(), changed.D.parameters());
    return changed;
}

/// The same model on both devices, moved by the same gradients.
struct Pair {
    StarGan cpu, device;
    Tolerance tolerance;

    /// Compares what step(model, batch) gives and applies it, on the device with the CPU's
    /// gradients: Adam's first updates turn the sign of a vanishing gradient into a full step.
    template <class Step>
    void compare(const Step& step, const TrainingBatch& on_cpu, const TrainingBatch& on_device) {
        const auto reference = step(cpu, on_cpu);
        auto other = step(device, on_device);
        const Quantities want = quantities(cpu, reference), got = quantities(device, other);
        std::vector<double> moved(want.size(), 0);
        for (uint64_t k = 1; k <= 4; ++k) {
            const StarGan moved_model =
                noisy(cpu, on_cpu.x_real.device(), tolerance.weights ? tolerance.noise : 0, k);
            const Quantities near =
                quantities(cpu, step(moved_model, noisy(on_cpu, tolerance.noise, k)));
            for (size_t i = 0; i < want.size(); ++i)
                moved[i] = std::max(moved[i], error_of(want[i], near[i].values, want[i].values));
        }
        for (size_t i = 0; i < want.size(); ++i) {
            INFO(want[i].name << " moved " << moved[i]);
            CHECK(error_of(want[i], got[i].values, want[i].values) <=
                  std::clamp(3 * moved[i], tolerance.base, tolerance.widest));
        }
        for (size_t i = 0; i < other.grads.size(); ++i)
            other.grads[i].assign(reference.grads[i].to_host());
        const auto before = all_parameters(cpu);
        apply(cpu, reference, 1e-3, {});
        apply(device, other, 1e-3, {});
        compare_movement(before);
    }

    void compare_movement(const std::vector<std::vector<double>>& before) const {
        const auto want = all_parameters(cpu), got = all_parameters(device);
        for (size_t i = 0; i < before.size(); ++i) {
            const Quantity q{
                .name = {}, .kind = Kind::movement, .values = {}, .initial = before[i]};
            INFO("parameter " << i);
            CHECK((got[i] == want[i] || error_of(q, got[i], want[i]) < 1e-4));
        }
    }
};

inline void compare_training(const ModelConfig& config, Precision precision, Device& device,
                             StepKind kind) {
    const bool fused = kind == StepKind::fused;
    const auto cpu = Device::cpu(2);
    Pair pair{.cpu = make_model(*cpu, config, precision, 8),
              .device = make_model(device, config, precision, 8),
              .tolerance = tolerance_of(precision)};
    for (int i = 0; i < 2; ++i) {
        const int known = i % int(config.labels.groups.size());
        const auto batch = random_batch(*cpu, config, precision, known, 3, 30 + 10 * i);
        const auto same = random_batch(device, config, precision, known, 3, 30 + 10 * i);
        INFO(to_string(precision) << ", " << to_string(kind) << " step, iteration " << i);
        const auto d_step = [&](const StarGan& m, const auto& b) {
            return fused ? fused_d_step(m, {}, b) : reference_d_step(m, {}, b);
        };
        const auto g_step = [&](const StarGan& m, const auto& b) {
            return fused ? fused_g_step(m, {}, b) : reference_g_step(m, {}, b);
        };
        pair.compare(d_step, batch, same);
        pair.compare(g_step, batch, same);
    }
}
inline void compare_training(const ModelConfig& config, Precision precision, Device& device) {
    for (const StepKind kind : {StepKind::reference, StepKind::fused})
        compare_training(config, precision, device, kind);
}

/// Lets the fastest compute every convolution of such a training.
inline void choose_all(Device& gpu, const ModelConfig& config, Precision precision) {
    for (const StepKind kind : {StepKind::reference, StepKind::fused}) {
        const PlannedRun run{.model = config, .precision = precision, .batch = 3, .step = kind};
        gpu.choose_for(plan_training(gpu.properties(), run).convolutions);
    }
}

/// Those that the processor can be compared in.
inline std::vector<Precision> precisions() {
    return {Precision::f32, Precision::tf32, Precision::bf16};
}

}  // namespace sg::testing
