#include "tests/model_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr Precision f64 = Precision::f64;

double total_of(const DiscriminatorStep& s, const LossConfig& loss) {
    return s.loss_real.item() + s.loss_fake.item() + loss.lambda_cls * s.loss_cls.item() +
           loss.lambda_gp * s.loss_gp.item();
}
double total_of(const GeneratorStep& s, const LossConfig& loss) {
    return s.loss_fake.item() + loss.lambda_cls * s.loss_cls.item() +
           loss.lambda_rec * s.loss_rec.item();
}

/// parameters += step * direction.
void move(Parameters& parameters, const std::vector<std::vector<double>>& from,
          const std::vector<std::vector<double>>& direction, double step) {
    for (size_t i = 0; i < from.size(); ++i) {
        std::vector<double> values = from[i];
        for (size_t e = 0; e < values.size(); ++e) values[e] += step * direction[i][e];
        parameters.assign(i, std::span<const double>(values));
    }
}

/// Compares a step's gradients with differences of its weighted loss along random directions in all
/// parameters at once.
template <class Step>
void check_step(Parameters& parameters, const LossConfig& loss, const Step& step) {
    const auto grads = step().grads;
    std::vector<std::vector<double>> start;
    for (const Tensor& t : parameters.tensors()) start.push_back(t.to_host());
    for (uint64_t seed : {1000, 2000, 3000}) {
        std::vector<std::vector<double>> direction;
        double expected = 0, size = 0;
        for (size_t i = 0; i < start.size(); ++i) {
            direction.push_back(uniform(int64_t(start[i].size()), seed + i));
            const auto g = grads[i].to_host();
            for (size_t e = 0; e < g.size(); ++e) {
                expected += g[e] * direction[i][e];
                size += g[e] * g[e] * direction[i][e] * direction[i][e];
            }
        }
        // So small that hardly a ReLU of the thousands changes sides within the step.
        constexpr double h = 1e-9;
        move(parameters, start, direction, h);
        const double above = total_of(step(), loss);
        move(parameters, start, direction, -h);
        const double below = total_of(step(), loss);
        move(parameters, start, direction, 0);
        const double slope = (above - below) / (2 * h);
        INFO("slope " << slope << ", expected " << expected);
        CHECK(std::abs(slope - expected) < 1e-4 * std::sqrt(size));
    }
}

}  // namespace

TEST_CASE("the steps' gradients are the slopes of their weighted losses", "[model]") {
    const auto device = Device::cpu(2);
    ModelConfig config = tiny_config();
    config.g_conv_dim = 2;
    for (GanLoss gan : {GanLoss::wgan_gp, GanLoss::vanilla, GanLoss::vanilla_saturating})
        for (int group : {0, 1}) {
            INFO(to_string(gan) << ", group " << group);
            StarGan model = make_model(*device, config, f64, 3);
            const TrainingBatch batch = random_batch(*device, config, f64, group, 2, 20);
            const LossConfig loss{.gan = gan, .lambda_cls = 1.5, .lambda_rec = 7, .lambda_gp = 9};
            check_step(model.D.parameters(), loss,
                       [&] { return reference_d_step(model, loss, batch); });
            check_step(model.G.parameters(), loss,
                       [&] { return reference_g_step(model, loss, batch); });
        }
    config.upsample = Upsample::resize;
    StarGan model = make_model(*device, config, f64, 3);
    const TrainingBatch batch = random_batch(*device, config, f64, 0, 2, 20);
    check_step(model.G.parameters(), {}, [&] { return reference_g_step(model, {}, batch); });
}

TEST_CASE("the adversarial losses are Eq. 1 and WGAN's", "[model]") {
    const auto device = Device::cpu(1);
    const Tensor s = random_tensor(*device, {2, 2, 2, 1}, DType::f64, 1, -3, 3);
    double plain = 0, log_d = 0, log_not_d = 0;
    for (double v : s.to_host()) {
        const double probability = 1 / (1 + std::exp(-v));
        plain += v / 8;
        log_d += std::log(probability) / 8;
        log_not_d += std::log(1 - probability) / 8;
    }
    const auto check = [&](GanLoss gan, double real, double fake, double generator) {
        INFO(to_string(gan));
        CHECK(adversarial_loss_real(gan, s).item() == Approx(real).epsilon(1e-12));
        CHECK(adversarial_loss_fake(gan, s).item() == Approx(fake).epsilon(1e-12));
        CHECK(adversarial_loss_generator(gan, s).item() == Approx(generator).epsilon(1e-12));
        CHECK(gan_loss_from_string(to_string(gan)) == gan);
    };
    check(GanLoss::wgan_gp, -plain, plain, -plain);
    check(GanLoss::vanilla, -log_d, -log_not_d, -log_d);
    check(GanLoss::vanilla_saturating, -log_d, -log_not_d, log_not_d);
}

TEST_CASE("only the known group's labels and logits count", "[model]") {
    const auto device = Device::cpu(1);
    const LabelLayout layout = tiny_config().labels;  // 3 attributes, 4 classes
    for (int known : {0, 1}) {
        const Tensor labels = random_labels(*device, layout, known, 2, DType::f64, 4);
        Tensor logits = random_tensor(*device, {2, 7}, DType::f64, 5).set_requires_grad();
        const Tensor value = classification_loss(layout, known, logits, labels);
        const auto z = logits.to_host(), y = labels.to_host(),
                   g = grad({value}, {logits})[0].to_host();
        double expected = 0;
        for (int n = 0; n < 2; ++n) {
            double exponentials = 0;
            for (int l = 3; l < 7; ++l) exponentials += std::exp(z[n * 7 + l]);
            for (int l = 0; l < 7; ++l) {
                const double zl = z[n * 7 + l], yl = y[n * 9 + l];
                const double p = l < 3 ? 1 / (1 + std::exp(-zl)) : std::exp(zl) / exponentials;
                const bool counts = (l < 3) == (known == 0);
                if (!counts) CHECK(g[n * 7 + l] == 0);
                if (!counts) continue;
                CHECK(g[n * 7 + l] == Approx((p - yl) / 2));
                expected -= yl > 0 ? std::log(p) / 2 : l < 3 ? std::log(1 - p) / 2 : 0;
            }
        }
        CHECK(value.item() == Approx(expected).epsilon(1e-12));
    }
    const Tensor logits = Tensor::zeros(*device, {2, 7}, DType::f64);
    expect_error([&] { classification_loss(layout, 2, logits, logits); }, {"group 2 of 2"});
}

TEST_CASE("accuracy counts the known group's labels", "[model]") {
    const LabelLayout layout = tiny_config().labels;  // 3 attributes, 4 classes, 2 of a mask
    constexpr int64_t N = 50;
    const auto logits = uniform(N * 7, 6);
    auto labels = uniform(N * 9, 7);
    for (double& v : labels) v = v > 0;
    int attributes = 0, classes = 0;
    for (int64_t n = 0; n < N; ++n) {
        int best = 0;
        for (int i = 0; i < 4; ++i)
            if (logits[n * 7 + 3 + i] > logits[n * 7 + 3 + best]) best = i;
        const int target = (best + (n % 3 == 0)) % 4;  // two of three are right
        for (int i = 0; i < 4; ++i) labels[n * 9 + 3 + i] = i == target;
        for (int i = 0; i < 3; ++i)
            attributes += (logits[n * 7 + i] > 0) == (labels[n * 9 + i] == 1);
        classes += best == target;
    }
    CHECK(classification_accuracy(layout, 0, logits, labels) == attributes / (3.0 * N));
    CHECK(classification_accuracy(layout, 1, logits, labels) == classes / double(N));
    expect_error([&] { classification_accuracy(layout, 0, labels, logits); }, {"450", "350"});
}

TEST_CASE("a step's losses stay on the device, without history", "[model]") {
    const auto device = Device::cpu(1);
    const ModelConfig config = tiny_config();
    const StarGan model = make_model(*device, config, Precision::f32, 3);
    const TrainingBatch batch = random_batch(*device, config, Precision::f32, 0, 2, 20);
    const int64_t before = device->downloads();
    const auto d = reference_d_step(model, {}, batch);
    const auto plain = reference_d_step(model, {.gan = GanLoss::vanilla}, batch);
    const auto g = reference_g_step(model, {}, batch);
    CHECK(device->downloads() == before);
    for (const Tensor& loss : {d.loss_real, d.loss_fake, d.loss_cls, d.loss_gp, d.gradient_norm,
                               plain.loss_gp, plain.gradient_norm, g.loss_fake, g.loss_rec}) {
        CHECK(loss.shape() == Shape{1});
        CHECK_FALSE(loss.requires_grad());
    }
    CHECK((d.loss_gp.item() != 0 && d.gradient_norm.item() > 0));
    CHECK((plain.loss_gp.item() == 0 && plain.gradient_norm.item() == 0));
}

TEST_CASE("the closed-form penalty equals double backward", "[model]") {
    const auto device = Device::cpu(2);
    ModelConfig config = tiny_config();
    config.width = 32, config.d_repeat_num = 3;
    const StarGan model = make_model(*device, config, f64, 5);
    Tensor x_hat = random_tensor(*device, {3, 16, 32, 3}, DType::f64, 6).set_requires_grad();
    const Penalty penalty = gradient_penalty(model.D, x_hat);
    const ClosedFormPenalty closed = closed_form_penalty(model.D, x_hat);
    CHECK(closed.value == Approx(penalty.value.item()).epsilon(1e-13));
    CHECK(max_error(closed.grad.to_host(), penalty.grad.to_host()) < 1e-13);

    const auto& parameters = model.D.parameters();
    const auto grads = grad({penalty.value}, parameters.tensors(), {.allow_unused = true});
    REQUIRE(closed.by_weight.size() == 3);
    for (size_t i = 0; i < grads.size(); ++i) {
        const std::string& name = parameters.entries()[i].name;
        INFO(name);
        if (name.ends_with(".bias") || name == "conv2.weight") {
            CHECK((!grads[i] || max_error(grads[i].to_host(), grads[i].to_host()) == 0));
            if (grads[i])
                for (double v : grads[i].to_host()) REQUIRE(v == 0);
            continue;
        }
        const Tensor& mine =
            name == "conv1.weight" ? closed.by_src_weight : closed.by_weight[i / 2];
        CHECK(max_error(mine.to_host(), grads[i].to_host()) < 1e-12);
    }
}

TEST_CASE("a training step gives the same bits on any number of threads", "[model]") {
    const ModelConfig config = tiny_config();
    const auto train = [&](int threads, Precision precision) {
        const auto device = Device::cpu(threads);
        StarGan model = make_model(*device, config, precision, 8);
        for (int i = 0; i < 2; ++i) {
            const TrainingBatch batch = random_batch(*device, config, precision, i, 5, 30 + i);
            apply(model, reference_d_step(model, {}, batch), 1e-3, {});
            apply(model, reference_g_step(model, {}, batch), 1e-3, {});
        }
        CHECK(model.d_updates == 2);
        CHECK(model.g_updates == 2);
        return all_parameters(model);
    };
    for (Precision precision : {Precision::f32, Precision::bf16, f64}) {
        INFO(to_string(precision));
        const auto single = train(1, precision);
        CHECK(train(1, precision) == single);
        CHECK(train(2, precision) == single);
        CHECK(train(3, precision) == single);
    }
}
