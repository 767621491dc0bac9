#include <algorithm>

#include "engine/ops.h"
#include "engine/processor.h"
#include "kernels/pointwise/pointwise.h"
#include "tests/gpu_device.h"
#include "tests/model_cases.h"
#include "tests/temp_dir.h"
#include "train/checkpoint.h"
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

using namespace sg;
using namespace sg::testing;

namespace {

using Quantities = std::vector<Quantity>;

struct Tolerance {
    double base, widest;   ///< a wrong kernel is off by more than the widest
    double noise;          ///< relative change of the images
    bool weights = false;  ///< and of the parameters: the CPU rounds neither, the device both
};
Tolerance tolerance_of(Precision precision) {
    if (precision == Precision::f32) return {.base = 5e-5, .widest = 0.1, .noise = 4e-6};
    if (precision == Precision::tf32)
        return {.base = 2e-2, .widest = 0.5, .noise = 0x1p-11, .weights = true};
    return {.base = 1e-3, .widest = 0.5, .noise = half_ulp<bf16>};
}

void add(Quantities& out, const std::string& name, Kind kind, const std::vector<double>& values) {
    out.push_back({.name = name, .kind = kind, .values = values, .initial = {}});
}

void add_gradients(Quantities& out, const Parameters& parameters, const std::vector<Tensor>& g) {
    for (size_t i = 0; i < g.size(); ++i)
        add(out, parameters.entries()[i].name, Kind::gradient, g[i].to_host());
}

Quantities quantities(const StarGan& model, const DiscriminatorStep& s) {
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

Quantities quantities(const StarGan& model, const GeneratorStep& s) {
    Quantities out;
    add(out, "loss_fake", Kind::loss, s.loss_fake.to_host());
    add(out, "loss_cls", Kind::loss, s.loss_cls.to_host());
    add(out, "loss_rec", Kind::loss, s.loss_rec.to_host());
    add(out, "x_rec", Kind::image, s.x_rec.to_host());
    add_gradients(out, model.G.parameters(), s.grads);
    return out;
}

TrainingBatch noisy(TrainingBatch batch, double noise, uint64_t seed) {
    auto pixels = batch.x_real.to_host();
    const auto change = uniform(int64_t(pixels.size()), seed);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] *= 1 + noise * change[i];
    batch.x_real = Tensor::from_host(batch.x_real.device(), batch.x_real.shape(),
                                     std::span<const double>(pixels), DType::f32);
    return batch;
}

StarGan noisy(const StarGan& model, Device& device, double noise, uint64_t seed) {
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

void compare_training(const ModelConfig& config, Precision precision, Device& device) {
    const auto cpu = Device::cpu(2);
    Pair pair{.cpu = make_model(*cpu, config, precision, 8),
              .device = make_model(device, config, precision, 8),
              .tolerance = tolerance_of(precision)};
    for (int i = 0; i < 2; ++i) {
        const int known = i % int(config.labels.groups.size());
        const auto batch = random_batch(*cpu, config, precision, known, 3, 30 + 10 * i);
        const auto same = random_batch(device, config, precision, known, 3, 30 + 10 * i);
        INFO(to_string(precision) << ", iteration " << i);
        pair.compare([](const StarGan& m, const auto& b) { return reference_d_step(m, {}, b); },
                     batch, same);
        pair.compare([](const StarGan& m, const auto& b) { return reference_g_step(m, {}, b); },
                     batch, same);
    }
}

/// Those that the processor can be compared in.
std::vector<Precision> precisions() {
    std::vector<Precision> all{Precision::f32, Precision::tf32};
    if (cpu_bf16_support() == Bf16Support::none)
        WARN("bf16 is not compared: this processor cannot run it");
    else
        all.push_back(Precision::bf16);
    return all;
}

ModelConfig small_config(const std::vector<LabelGroup>& groups) {
    ModelConfig config = tiny_config();
    config.g_conv_dim = config.d_conv_dim = 8;
    config.labels.groups = groups;
    return config;
}

}  // namespace

TEST_CASE("training on the simulated device is training on the CPU", "[model]") {
    const auto sim = [](int architecture) {
        return Device::sim({.threads = 2, .architecture = architecture});
    };
    for (const Precision precision : precisions()) {
        {
            INFO("attributes, architecture 90");
            compare_training(small_config({kFive}), precision, *sim(90));
        }
        INFO("two data sets, architecture 80");
        compare_training(small_config(tiny_config().labels.groups), precision, *sim(80));
    }
}

TEST_CASE("training on a GPU is training on the CPU", "[model]") {
    for (const ConvPolicy policy : {ConvPolicy::own, ConvPolicy::automatic})
        if (const auto gpu = gpu_device(policy))
            for (const Precision precision : precisions()) {
                INFO("convolutions: " << to_string(policy));
                compare_training(small_config({kFive}), precision, *gpu);
                compare_training(small_config(tiny_config().labels.groups), precision, *gpu);
            }
}

TEST_CASE("the same seed gives the same bits on a GPU", "[model]") {
    const auto gpu = gpu_device(ConvPolicy::automatic);
    if (!gpu) return;
    for (const Precision precision : precisions()) {
        const auto trained = [&] {
            StarGan model = make_model(*gpu, small_config({kFive}), precision, 8);
            for (uint64_t i = 0; i < 3; ++i) {
                const auto batch = random_batch(*gpu, model.config, precision, 0, 3, 30 + i);
                apply(model, reference_d_step(model, {}, batch), 1e-3, {});
                apply(model, reference_g_step(model, {}, batch), 1e-3, {});
            }
            return all_parameters(model);
        };
        const auto once = trained();
        const size_t blocks = gpu->arena().block_count();
        CHECK(once == trained());
        CHECK(gpu->arena().block_count() == blocks);  // nothing was allocated for the second run
    }
}

TEST_CASE("checkpoints move between devices", "[model]") {
    const TempDir folder;
    const std::string path = folder.path() + "/model.safetensors";
    std::vector<std::unique_ptr<Device>> devices;
    devices.push_back(Device::cpu(1));
    devices.push_back(Device::sim({.threads = 1}));
    if (auto gpu = gpu_device(ConvPolicy::own)) devices.push_back(std::move(gpu));
    for (const auto& from : devices)
        for (const auto& to : devices) {
            INFO(from->name() << " to " << to->name());
            const StarGan saved = make_model(*from, tiny_config(), Precision::f32, 8);
            CheckpointInfo info;
            info.model = saved.config;
            save_checkpoint(path, saved, info);
            StarGan loaded = make_model(*to, tiny_config(), Precision::bf16, 9);
            load_checkpoint(path, loaded, LoadMoments::yes);
            CHECK(all_parameters(loaded) == all_parameters(saved));
        }
}

TEST_CASE("the penalty's closed form on the simulated device", "[model]") {
    const auto cpu = Device::cpu(2), sim = Device::sim({.threads = 2});
    const auto penalty = [](Device& device) {
        const StarGan model = make_model(device, tiny_config(), Precision::f32, 5);
        return closed_form_penalty(model.D, random_tensor(device, {3, 16, 16, 3}, DType::f32, 6));
    };
    const ClosedFormPenalty want = penalty(*cpu), got = penalty(*sim);
    CHECK(got.value == Approx(want.value).epsilon(1e-5));
    CHECK(max_error(got.grad.to_host(), want.grad.to_host()) < 1e-5);
    CHECK(max_error(got.by_src_weight.to_host(), want.by_src_weight.to_host()) < 1e-5);
    for (size_t l = 0; l < want.by_weight.size(); ++l)
        CHECK(max_error(got.by_weight[l].to_host(), want.by_weight[l].to_host()) < 1e-5);
}

TEST_CASE("f64 is for the cpu", "[model]") {
    const auto sim = Device::sim();
    CHECK(sim->name() == "sim");
    CHECK_FALSE(sim->is_cpu());
    expect_error([&] { Tensor::zeros(*sim, {2}, DType::f64); }, {"sim", "not f64", "cpu"});
    expect_error([&] { StarGan(*sim, tiny_config(), Precision::f64); }, {"not f64", "cpu"});
    SimContext context;
    using Forward = ConvForwardArgs<double, double, double>;
    using Dgrad = ConvDgradArgs<double, double, double>;
    expect_error([&] { conv_forward(context, Forward{}); }, {"conv_forward", "f64"});
    expect_error([&] { conv_dgrad(context, Dgrad{}); }, {"conv_dgrad", "f64"});
    expect_error([&] { conv_wgrad(context, ConvWgradArgs<double>{}); }, {"conv_wgrad", "f64"});
    expect_error([&] { conv_workspace<double>(context.properties(), ConvPass::wgrad, {}); },
                 {"conv_wgrad", "f64"});
    expect_error([&] { cast(context, CastArgs<double, float>{}); }, {"cast", "f64"});
}

TEST_CASE("tensors of two devices do not mix", "[model]") {
    const auto cpu = Device::cpu(1), sim = Device::sim(), other = Device::cpu(1);
    Tensor a = Tensor::zeros(*cpu, {2, 3}, DType::f32), b = Tensor::zeros(*sim, {2, 3}, DType::f32);
    expect_error([&] { add(a, b); }, {"add", "sim", "cpu"});
    expect_error(
        [&] {
            add(a, Tensor::zeros(*other, {2, 3}, DType::f32));
        },
        {"add", "two devices"});
    expect_error([&] { a.copy_from(b); }, {"[2,3] on sim", "cpu"});
    expect_error([&] { a.copy_from(a.view({6})); }, {"[6]", "[2,3]"});
    expect_error([&] { Device::sim({.architecture = 70}); }, {"architecture is 70"});
}
