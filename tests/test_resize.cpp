#include <nlohmann/json.hpp>

#include "tests/model_cases.h"
#include "tests/temp_dir.h"
#include "train/checkpoint.h"
#include "train/model_json.h"

using namespace sg;
using namespace sg::testing;

// Doubling and a 3x3 convolution is a transposed 4x4 convolution whose kernel is made of sums of
// the 3x3 one: in each direction row i of the larger kernel is the sum of rows r with kSums[i][r].
// So every generator with resize-convolutions is one with transposed convolutions, and both must
// give the same losses and gradients.

namespace {

constexpr int kSums[4][3] = {{0, 0, 1}, {0, 1, 1}, {1, 1, 0}, {1, 0, 0}};

ModelConfig resized(ModelConfig config) {
    config.upsample = Upsample::resize;
    return config;
}

/// visit(at in the 3x3 weight [K,3,3,C], at in the 4x4 one [C,4,4,K]) for all pairs that belong
/// together.
template <class Visit>
void for_pairs(int64_t K, int64_t C, const Visit& visit) {
    for (int64_t c = 0; c < C; ++c)
        for (int64_t k = 0; k < K; ++k)
            for (int i = 0; i < 4; ++i)
                for (int j = 0; j < 4; ++j)
                    for (int r = 0; r < 3; ++r)
                        for (int s = 0; s < 3; ++s)
                            if (kSums[i][r] && kSums[j][s])
                                visit(((k * 3 + r) * 3 + s) * C + c, ((c * 4 + i) * 4 + j) * K + k);
}

void save(const std::string& path, const StarGan& model) {
    CheckpointInfo info;
    info.model = model.config;
    save_checkpoint(path, model, info);
}

bool is_up(const Parameters& resize, const Parameters& deconv, size_t i) {
    return resize.entries()[i].shape != deconv.entries()[i].shape;
}

void copy_as_deconv(const Parameters& from, Parameters& to) {
    for (size_t i = 0; i < from.entries().size(); ++i) {
        std::vector<double> values = from.tensors()[i].to_host();
        if (is_up(from, to, i)) {
            const Shape& shape = from.entries()[i].shape;
            std::vector<double> large(to.tensors()[i].size());
            for_pairs(shape[0], shape[3],
                      [&](int64_t at3, int64_t at4) { large[at4] += values[at3]; });
            values = large;
        }
        to.assign(i, std::span<const double>(values));
    }
}

/// The gradient by the 3x3 weight [K,3,3,C] from that by the 4x4 one.
std::vector<double> gradient_of_resize(const Shape& shape, const std::vector<double>& of_deconv) {
    std::vector<double> result(element_count(shape));
    for_pairs(shape[0], shape[3], [&](int64_t at3, int64_t at4) { result[at3] += of_deconv[at4]; });
    return result;
}

}  // namespace

TEST_CASE("a generator with resize-convolutions is one with sums as kernels", "[resize]") {
    const auto device = Device::cpu(2);
    ModelConfig config = tiny_config();
    config.width = 24, config.d_repeat_num = 2;
    const StarGan resize = make_model(*device, resized(config), Precision::f64, 3);
    StarGan deconv(*device, config, Precision::f64);
    copy_as_deconv(resize.G.parameters(), deconv.G.parameters());
    copy_as_deconv(resize.D.parameters(), deconv.D.parameters());
    const TrainingBatch batch = random_batch(*device, config, Precision::f64, 1, 2, 20);

    const auto g = reference_g_step(resize, {}, batch), same = reference_g_step(deconv, {}, batch);
    CHECK(max_error(g.x_fake.to_host(), same.x_fake.to_host()) < 1e-12);
    CHECK(max_error(g.x_rec.to_host(), same.x_rec.to_host()) < 1e-12);
    int ups = 0;
    for (size_t i = 0; i < g.grads.size(); ++i) {
        const auto& entry = resize.G.parameters().entries()[i];
        INFO(entry.name);
        auto want = same.grads[i].to_host();
        if (is_up(resize.G.parameters(), deconv.G.parameters(), i)) {
            want = gradient_of_resize(entry.shape, want);
            ++ups;
        }
        CHECK(max_error(g.grads[i].to_host(), want) < 1e-9);
    }
    CHECK(ups == 2);
    const auto d = reference_d_step(resize, {}, batch),
               d_same = reference_d_step(deconv, {}, batch);
    for (size_t i = 0; i < d.grads.size(); ++i)
        CHECK(max_error(d.grads[i].to_host(), d_same.grads[i].to_host()) < 1e-9);
}

TEST_CASE("resize-convolutions keep the official names", "[resize]") {
    const auto device = Device::cpu(1);
    const ModelConfig paper{.labels = {{kFive}}};
    const Generator deconv(*device, paper, Precision::f32, Moments::none);
    const Generator resize(*device, resized(paper), Precision::f32, Moments::none);
    const auto& parameters = resize.parameters();
    int64_t count = 0;
    for (size_t i = 0; i < parameters.entries().size(); ++i) {
        count += element_count(parameters.entries()[i].shape);
        CHECK(parameters.entries()[i].name == deconv.parameters().entries()[i].name);
    }
    CHECK(count == 8'430'528 - (16 - 9) * (256 * 128 + 128 * 64));
    CHECK(parameters["main.15.weight"].shape() == Shape{128, 3, 3, 256});
    CHECK(parameters["main.18.weight"].shape() == Shape{64, 3, 3, 128});
    for (const Upsample u : {Upsample::deconv, Upsample::resize})
        CHECK(upsample_from_string(to_string(u)) == u);
    expect_error([] { upsample_from_string("nearest"); }, {"'nearest'", "deconv", "resize"});
}

TEST_CASE("resize-convolutions start as PyTorch's convolutions do", "[resize]") {
    const auto device = Device::cpu(1);
    ModelConfig config = resized(tiny_config());
    config.g_conv_dim = 16;
    const StarGan model = make_model(*device, config, Precision::f32, 7);
    double largest = 0;
    for (const double v : model.G.parameters()["main.10.weight"].to_host())
        largest = std::max(largest, std::abs(v));
    const double bound = 1 / std::sqrt(64.0 * 9);  // 64 channels in, 3x3
    CHECK((largest <= bound && largest > 0.98 * bound));
}

TEST_CASE("bf16 and f32 resize-convolutions are close to f64", "[resize]") {
    const auto device = Device::cpu(2);
    const ModelConfig config = resized(tiny_config());
    const auto fake = [&](Precision precision) {
        const GradMode off(false);
        const StarGan model = make_model(*device, config, precision);
        const TrainingBatch batch = random_batch(*device, config, precision, 0, 2, 5);
        return model.G.forward(batch.x_real, batch.c_trg).to_host();
    };
    const auto exact = fake(Precision::f64);
    CHECK(max_error(fake(Precision::f32), exact) < 1e-5);
    CHECK(max_error(fake(Precision::bf16), exact) < 0.05);
}

TEST_CASE("a checkpoint knows how G goes up", "[resize]") {
    const TempDir folder;
    const std::string path = folder.file("model.safetensors");
    const auto device = Device::cpu(1);
    const StarGan saved = make_model(*device, resized(tiny_config()), Precision::f32, 8);
    save(path, saved);
    const CheckpointInfo info = read_checkpoint_info(path);
    CHECK(info.model == saved.config);
    StarGan loaded(*device, info.model, Precision::f32);
    load_checkpoint(path, loaded, LoadMoments::yes);
    CHECK(all_parameters(loaded) == all_parameters(saved));
    StarGan deconv(*device, tiny_config(), Precision::f32);
    expect_error([&] { load_checkpoint(path, deconv, LoadMoments::yes); },
                 {"upsample is \"resize\" in the checkpoint, \"deconv\" wanted"});

    auto json = model_to_json(saved.config);
    CHECK(model_from_json(json) == saved.config);
    json.erase("upsample");  // as checkpoints were before there was a choice
    CHECK(model_from_json(json) == tiny_config());
}
