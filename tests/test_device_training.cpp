#include "kernels/pointwise/pointwise.h"
#include "tests/gpu_device.h"
#include "tests/temp_dir.h"
#include "tests/tiny_run.h"
#include "tests/training_pair.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

using namespace sg;
using namespace sg::testing;
namespace fs = std::filesystem;

namespace {

ModelConfig small_config(const std::vector<LabelGroup>& groups) {
    ModelConfig config = tiny_config();
    config.g_conv_dim = config.d_conv_dim = 8;
    config.labels.groups = groups;
    return config;
}

std::string bytes_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
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
            StarGan model(*gpu, small_config({kFive}), precision, 0, Masters::split);
            initialise(model, 8);
            std::vector<TrainingBatch> together;
            for (uint64_t i = 0; i < 6; ++i) {  // twice: fakes and D, D, D and G
                const bool fakes = i % 3 == 0, g_turn = i % 3 == 2;
                TrainingBatch own = random_batch(*gpu, model.config, precision, 0, 3, 30 + i);
                if (fakes)
                    together = {own, random_batch(*gpu, model.config, precision, 0, 3, 31 + i)};
                schedule_updates(model, g_turn, 1e-3, 1e-3, {});
                const auto turn = [&] {
                    if (fakes) generate_fakes(model.G, together);
                    const TrainingBatch batch = g_turn ? own : std::exchange(together[i % 3], {});
                    training_turn(model, {}, batch, StepKind::fused, g_turn,
                                  [&](const auto& step) { update(model, step, {}); });
                };
                const char* key = g_turn ? "D and G" : fakes ? "fakes and D" : "D";
                graph ? gpu->run_as_graph(key, turn) : turn();
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

TEST_CASE("a device trains in bf16, shows, saves and resumes", "[model]") {
    std::vector<std::unique_ptr<Device>> devices;
    devices.push_back(Device::sim({.threads = 2}));
    if (auto gpu = gpu_device(ConvPolicy::own)) devices.push_back(std::move(gpu));
    for (const auto& device : devices) {
        INFO(device->name());
        const TempDir folder;
        TrainConfig c = tiny_run();
        c.data = {"synth:attributes,labels=Eyeglasses",
                  "synth:expressions,labels=happy+sad,name=moods"};
        c.precision = "bf16";
        c.image_size = "16", c.d_repeat_num = 2, c.g_conv_dim = c.d_conv_dim = 4;
        c.synth_count = 12, c.test_count = 2, c.samples = 1, c.batch_size = 2, c.n_critic = 3;
        c.num_iters = 3, c.num_iters_decay = 1, c.log_step = 1;
        std::string said;
        TrainObserver observer;
        observer.message = [&](const std::string& line) { said += line; };
        const auto run = [&](const char* name, int64_t stop_after, bool resume) {
            return train(
                *device,
                {.config = c, .run = folder.file(name), .resume = resume, .stop_after = stop_after},
                observer);
        };
        const TrainResult straight = run("straight", 0, false);
        CHECK(straight.finished);
        CHECK(fs::exists(straight.sample_grid));
        CHECK(straight.truth.size() == 1 + 2);
        run("parts", 1, false);  // amid the batches whose fakes are made together
        const TrainResult parts = run("parts", 0, true);
        CHECK((bytes_of(parts.checkpoint) == bytes_of(straight.checkpoint)));
        INFO(said);
        CHECK(said.find("warning") == std::string::npos);
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
