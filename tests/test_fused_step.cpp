#include "engine/conv_into.h"
#include "model/fused_step.h"
#include "tests/gpu_device.h"
#include "tests/model_cases.h"
#include "train/joint_schedule.h"

using namespace sg;
using namespace sg::testing;

namespace {

struct Tolerance {
    double value, gradient;
};

void check_gradients(const std::vector<Tensor>& got, const std::vector<Tensor>& want,
                     Tolerance allowed) {
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < want.size(); ++i) {
        INFO("gradient " << i);
        CHECK(distance(got[i], want[i]) <= allowed.gradient);
    }
}

void check_same(const DiscriminatorStep& got, const DiscriminatorStep& want, Tolerance allowed) {
    CHECK(distance(got.loss_real, want.loss_real) <= allowed.value);
    CHECK(distance(got.loss_fake, want.loss_fake) <= allowed.value);
    CHECK(distance(got.loss_cls, want.loss_cls) <= allowed.value);
    CHECK(distance(got.loss_gp, want.loss_gp) <= allowed.value);
    CHECK(distance(got.gradient_norm, want.gradient_norm) <= allowed.value);
    CHECK(distance(got.real_logits, want.real_logits) <= allowed.value);
    CHECK(distance(got.x_fake, want.x_fake) <= allowed.value);
    REQUIRE(bool(got.x_hat_grad) == bool(want.x_hat_grad));
    if (want.x_hat_grad) CHECK(distance(got.x_hat_grad, want.x_hat_grad) <= allowed.gradient);
    check_gradients(got.grads, want.grads, allowed);
}

void check_same(const GeneratorStep& got, const GeneratorStep& want, Tolerance allowed) {
    CHECK(distance(got.loss_fake, want.loss_fake) <= allowed.value);
    CHECK(distance(got.loss_cls, want.loss_cls) <= allowed.value);
    CHECK(distance(got.loss_rec, want.loss_rec) <= allowed.value);
    CHECK(distance(got.fake_logits, want.fake_logits) <= allowed.value);
    CHECK(distance(got.x_fake, want.x_fake) <= allowed.value);
    CHECK(distance(got.x_rec, want.x_rec) <= allowed.value);
    check_gradients(got.grads, want.grads, allowed);
}

void check_steps(const StarGan& model, const LossConfig& loss, const TrainingBatch& batch,
                 Tolerance allowed) {
    check_same(fused_d_step(model, loss, batch), reference_d_step(model, loss, batch), allowed);
    const GeneratorStep want = reference_g_step(model, loss, batch);
    check_same(fused_g_step(model, loss, batch), want, allowed);
    // One pass of G for both steps.
    GeneratorPass to_target(model.G, batch.x_real, batch.c_trg);
    TrainingBatch with_fake = batch;
    with_fake.x_fake = to_target.output();
    check_same(fused_d_step(model, loss, with_fake), reference_d_step(model, loss, batch), allowed);
    check_same(fused_g_step(model, loss, batch, std::move(to_target)), want, allowed);
}

constexpr Tolerance exact{.value = 1e-10, .gradient = 1e-10};

}  // namespace

TEST_CASE("the fused step equals the reference in f64", "[fused]") {
    const auto device = Device::cpu(2);
    for (GanLoss gan : {GanLoss::wgan_gp, GanLoss::vanilla, GanLoss::vanilla_saturating})
        for (int known : {0, 1})
            for (int64_t N : {1, 2, 5}) {
                INFO(to_string(gan) << ", group " << known << ", batch " << N);
                const LossConfig loss{
                    .gan = gan, .lambda_cls = 1.5, .lambda_rec = 7, .lambda_gp = 9};
                const StarGan model = make_model(*device, tiny_config(), Precision::f64, 3);
                check_steps(model, loss,
                            random_batch(*device, tiny_config(), Precision::f64, known, N, 20),
                            exact);
            }
}

TEST_CASE("the fused step equals the reference for other sizes, depths and batches", "[fused]") {
    const auto device = Device::cpu(2);
    struct Case {
        int height, width, g_conv_dim, g_repeat, d_conv_dim, d_repeat, batch;
        Upsample upsample;
    };
    for (const Case& c : {Case{32, 16, 2, 2, 3, 3, 17, Upsample::deconv},
                          Case{16, 24, 3, 0, 2, 3, 4, Upsample::deconv},
                          Case{8, 8, 2, 1, 5, 1, 7, Upsample::deconv},
                          Case{16, 16, 2, 1, 2, 4, 3, Upsample::resize}}) {
        INFO(c.height << "x" << c.width << ", batch " << c.batch);
        ModelConfig config = tiny_config();
        config.height = c.height, config.width = c.width;
        config.g_conv_dim = c.g_conv_dim, config.g_repeat_num = c.g_repeat;
        config.d_conv_dim = c.d_conv_dim, config.d_repeat_num = c.d_repeat;
        config.upsample = c.upsample;
        const StarGan model = make_model(*device, config, Precision::f64, 5);
        check_steps(model, {}, random_batch(*device, config, Precision::f64, 1, c.batch, 30),
                    exact);
    }
}

TEST_CASE("fakes made together are those made one by one", "[fused]") {
    std::vector<std::unique_ptr<Device>> devices;
    devices.push_back(Device::cpu(2));
    devices.push_back(Device::sim({.threads = 2}));
    if (auto gpu = gpu_device(ConvPolicy::own)) devices.push_back(std::move(gpu));
    for (const auto& device : devices)
        for (const Precision precision : {Precision::f64, Precision::f32, Precision::bf16}) {
            if (!device->is_cpu() && precision == Precision::f64) continue;
            INFO(device->name() << ", " << to_string(precision));
            const StarGan model = make_model(*device, tiny_config(), precision, 3);
            std::vector<TrainingBatch> batches;
            for (int i = 0; i < 3; ++i)
                batches.push_back(
                    random_batch(*device, tiny_config(), precision, i % 2, 2, 60 + uint64_t(i)));
            generate_fakes(model.G, batches);
            const double allowed = precision == Precision::bf16  ? 2e-2
                                   : precision == Precision::f32 ? 1e-5
                                                                 : 1e-12;
            for (const TrainingBatch& batch : batches) {
                const Tensor want = generate(model.G, batch.x_real, batch.c_trg);
                CHECK(distance(batch.x_fake, want) <= allowed);
                for (const TrainingBatch& other : batches)
                    if (&other != &batch) CHECK(distance(other.x_fake, want) > 0.05);
            }
        }
}

TEST_CASE("training by fused steps stays with the reference", "[fused]") {
    const auto device = Device::cpu(2);
    for (int n_critic : {1, 2, 3, 7}) {
        INFO("n_critic " << n_critic);
        StarGan reference = make_model(*device, tiny_config(), Precision::f64, 3);
        StarGan fused = make_model(*device, tiny_config(), Precision::f64, 3);
        const JointSchedule schedule(1, "one", n_critic);
        std::vector<TrainingBatch> together;
        for (int i = 0; i < 2 * n_critic + 1; ++i) {
            const auto make_batch = [&](int64_t number) {
                return random_batch(*device, tiny_config(), Precision::f64, int(number % 2), 2,
                                    40 + uint64_t(number));
            };
            const bool g_turn = (i + 1) % n_critic == 0;
            TrainingBatch batch = make_batch(i);
            if (const auto [first, count] = schedule.together(i); !g_turn) {
                if (first == i) {
                    together.clear();
                    for (int64_t k = first; k < first + count; ++k)
                        together.push_back(make_batch(k));
                    generate_fakes(fused.G, together);
                }
                batch = together[i - first];
                REQUIRE(batch.x_fake);
            }
            apply(reference, reference_d_step(reference, {}, batch), 1e-3, {});
            training_turn(fused, {}, batch, StepKind::fused, g_turn,
                          [&](const auto& step) { apply(fused, step, 1e-3, {}); });
            if (g_turn) apply(reference, reference_g_step(reference, {}, batch), 1e-3, {});
        }
        const auto want = all_parameters(reference), got = all_parameters(fused);
        double worst = 0;
        for (size_t i = 0; i < want.size(); ++i)
            for (size_t e = 0; e < want[i].size(); ++e)
                worst = std::max(worst, std::abs(want[i][e] - got[i][e]));
        CHECK(worst < 1e-9);  // Adam's first steps divide gradients by themselves
    }
}

TEST_CASE("the fused step computes the same in f32 and bf16 on every device", "[fused]") {
    for (const bool simulated : {false, true}) {
        const auto device = simulated ? Device::sim({.threads = 2}) : Device::cpu(2);
        for (Precision precision : {Precision::f32, Precision::bf16}) {
            INFO(device->name() << " in " << to_string(precision));
            const StarGan model = make_model(*device, tiny_config(), precision, 3);
            const auto batch = random_batch(*device, tiny_config(), precision, 0, 3, 20);
            // In bf16 the two round the same values at other places.
            const bool f32 = precision == Precision::f32;
            const Tolerance allowed = f32 ? Tolerance{1e-5, 1e-4} : Tolerance{0.02, 0.05};
            check_same(fused_d_step(model, {}, batch), reference_d_step(model, {}, batch), allowed);
            if (f32)
                check_same(fused_g_step(model, {}, batch), reference_g_step(model, {}, batch),
                           allowed);
        }
    }
}

TEST_CASE("the fused D step takes less memory, and gives the same bits twice", "[fused]") {
    ModelConfig config = tiny_config();
    config.height = config.width = 64;
    config.d_conv_dim = 16, config.d_repeat_num = 4;
    const auto peak = [&](const auto& step) {
        const auto device = Device::cpu(1);
        const StarGan model = make_model(*device, config, Precision::f32, 3);
        const auto batch = random_batch(*device, config, Precision::f32, 0, 16, 20);
        const Tensor x_fake = random_tensor(*device, batch.x_real.shape(), DType::f32, 9);
        const size_t before = device->arena().bytes_in_use();
        step(model, batch, x_fake);
        return device->arena().peak_bytes() - before;
    };
    const auto fused = peak([](const StarGan& m, TrainingBatch b, const Tensor& fake) {
        b.x_fake = fake;
        const auto first = fused_d_step(m, {}, b), again = fused_d_step(m, {}, b);
        for (size_t i = 0; i < first.grads.size(); ++i)
            CHECK(first.grads[i].to_host() == again.grads[i].to_host());
    });
    const auto reference = peak([](const StarGan& m, const TrainingBatch& b, const Tensor&) {
        reference_d_step(m, {}, b);
    });
    INFO(fused << " bytes instead of " << reference);
    CHECK(double(fused) < 0.9 * double(reference));
}

TEST_CASE("convolutions into given tensors refuse what does not fit", "[fused]") {
    const auto device = Device::cpu(1);
    const Tensor x = random_tensor(*device, {1, 8, 8, 3}, DType::f32, 1);
    const Tensor w = random_tensor(*device, {4, 4, 4, 3}, DType::f32, 2);
    const Tensor y = Tensor::empty(*device, {1, 4, 4, 4}, DType::f32);
    const ConvOptions half{.stride = 2, .pad = 1};
    conv2d_into(y, x, w, half);
    CHECK(y.to_host() == conv2d(x, w, {}, half).to_host());
    const auto refused = [](const char* fact, const auto& call) {
        try {
            call();
            FAIL("nothing was refused, expected: " << fact);
        } catch (const Error& error) {
            INFO(error.what());
            CHECK(std::string(error.what()).find(fact) != std::string::npos);
        }
    };
    refused("result is f32 [1,4,4,4], expected", [&] { conv2d_into(y, x, w, {}); });
    refused("mask is f32 [1,8,8,3], expected f32 [1,4,4,4]",
            [&] { conv2d_into(y, x, w, half, {.mask = x}); });
    refused("grad_y is f32 [1,8,8,3]", [&] { conv2d_dgrad_into(x, x, w, half); });
    refused("grad_y is f32 [1,8,8,3]", [&] { conv2d_wgrad_into(w, x, x, half); });
}
