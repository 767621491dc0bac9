#include "kernels/pointwise/pointwise.h"
#include "tests/gpu_device.h"
#include "tests/temp_dir.h"
#include "tests/training_pair.h"
#include "train/checkpoint.h"

using namespace sg;
using namespace sg::testing;

namespace {

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
            compare_training(small_config({kFive}), precision, *sim(90), StepKind::fused);
            if (precision == Precision::f32)
                compare_training(small_config({kFive}), precision, *sim(90), StepKind::reference);
        }
        if (precision != Precision::tf32) {
            INFO("resize-convolutions, architecture 90");
            ModelConfig resize = small_config({kFive});
            resize.upsample = Upsample::resize;
            compare_training(resize, precision, *sim(90), StepKind::fused);
        }
        INFO("two data sets, architecture 80");
        compare_training(small_config(tiny_config().labels.groups), precision, *sim(80),
                         StepKind::fused);
    }
}

TEST_CASE("training on a GPU is training on the CPU", "[model]") {
    for (const ConvPolicy policy : {ConvPolicy::own, ConvPolicy::automatic})
        if (const auto gpu = gpu_device(policy))
            for (const Precision precision : precisions()) {
                INFO("convolutions: " << to_string(policy));
                choose_all(*gpu, small_config({kFive}), precision);
                choose_all(*gpu, small_config(tiny_config().labels.groups), precision);
                compare_training(small_config({kFive}), precision, *gpu);
                compare_training(small_config(tiny_config().labels.groups), precision, *gpu);
            }
}

TEST_CASE("the same seed gives the same bits on a GPU", "[model]") {
    const auto gpu = gpu_device(ConvPolicy::automatic);
    if (!gpu) return;
    for (const Precision precision : precisions()) {
        choose_all(*gpu, small_config({kFive}), precision);
        const auto trained = [&](bool graph, bool two_streams = false) {
            gpu->use_two_streams(two_streams);
            StarGan model = make_model(*gpu, small_config({kFive}), precision, 8);
            for (uint64_t i = 0; i < 3; ++i) {
                const auto batch = random_batch(*gpu, model.config, precision, 0, 3, 30 + i);
                schedule_updates(model, true, 1e-3, 1e-3, {});
                const auto turn = [&] {
                    training_turn(model, {}, batch, StepKind::fused, true,
                                  [&](const auto& step) { update(model, step, {}); });
                };
                graph ? gpu->run_as_graph("turn", turn) : turn();
            }
            return all_parameters(model);
        };
        const auto once = trained(false);
        const size_t blocks = gpu->arena().block_count();
        CHECK(once == trained(false));
        CHECK(gpu->arena().block_count() == blocks);  // nothing was allocated for the second run
        CHECK(once == trained(true));                 // a CUDA graph runs the same kernels
        CHECK(once == trained(false, true));
        CHECK(once == trained(true, true));
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
            for (const Masters masters : {Masters::whole, Masters::split}) {
                StarGan loaded(*to, tiny_config(), Precision::bf16, 0, masters);
                load_checkpoint(path, loaded, LoadMoments::yes);
                CHECK(all_parameters(loaded) == all_parameters(saved));
                save_checkpoint(path, loaded, info);  // what was split is saved whole
            }
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
