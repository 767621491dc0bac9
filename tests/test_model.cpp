#include <map>

#include "tests/model_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

std::pair<int64_t, int64_t> parameter_counts(const ModelConfig& config) {
    const auto device = Device::cpu(2);
    const StarGan model(*device, config, Precision::f32);
    const auto count = [](const Parameters& parameters) {
        int64_t total = 0;
        for (const auto& entry : parameters.entries()) total += element_count(entry.shape);
        return total;
    };
    return {count(model.G.parameters()), count(model.D.parameters())};
}

std::vector<std::pair<std::string, Shape>> in_file(const Parameters& parameters) {
    std::vector<std::pair<std::string, Shape>> result;
    for (const auto& entry : parameters.entries())
        result.emplace_back(entry.name, file_shape(entry.shape));
    return result;
}

}  // namespace

TEST_CASE("the networks have the paper's parameter counts", "[model]") {
    ModelConfig config{.labels = {{kFive}}};
    CHECK(parameter_counts(config) == std::pair<int64_t, int64_t>{8'430'528, 44'762'048});
    config.height = config.width = 256;
    CHECK(parameter_counts(config).second == 44'884'928);
    config.height = config.width = 128;
    config.labels = {{kEight}};
    const auto [g, d] = parameter_counts(config);
    CHECK(g + d == 53'226'560);
    config.labels = {{kFive, kEight}};
    CHECK(parameter_counts(config) == std::pair<int64_t, int64_t>{8'461'888, 44'827'584});
}

TEST_CASE("parameters carry the official names and shapes", "[model]") {
    const auto device = Device::cpu(1);
    const StarGan model(*device, tiny_config(), Precision::f32);  // 3 + 4 labels, 2 for the mask
    using List = std::vector<std::pair<std::string, Shape>>;
    CHECK(in_file(model.G.parameters()) == List{{"main.0.weight", {4, 12, 7, 7}},
                                                {"main.1.weight", {4}},
                                                {"main.1.bias", {4}},
                                                {"main.3.weight", {8, 4, 4, 4}},
                                                {"main.4.weight", {8}},
                                                {"main.4.bias", {8}},
                                                {"main.6.weight", {16, 8, 4, 4}},
                                                {"main.7.weight", {16}},
                                                {"main.7.bias", {16}},
                                                {"main.9.main.0.weight", {16, 16, 3, 3}},
                                                {"main.9.main.1.weight", {16}},
                                                {"main.9.main.1.bias", {16}},
                                                {"main.9.main.3.weight", {16, 16, 3, 3}},
                                                {"main.9.main.4.weight", {16}},
                                                {"main.9.main.4.bias", {16}},
                                                {"main.10.weight", {16, 8, 4, 4}},
                                                {"main.11.weight", {8}},
                                                {"main.11.bias", {8}},
                                                {"main.13.weight", {8, 4, 4, 4}},
                                                {"main.14.weight", {4}},
                                                {"main.14.bias", {4}},
                                                {"main.16.weight", {3, 4, 7, 7}}});
    CHECK(in_file(model.D.parameters()) == List{{"main.0.weight", {4, 3, 4, 4}},
                                                {"main.0.bias", {4}},
                                                {"main.2.weight", {8, 4, 4, 4}},
                                                {"main.2.bias", {8}},
                                                {"conv1.weight", {1, 8, 3, 3}},
                                                {"conv2.weight", {7, 8, 4, 4}}});
    expect_error([&] { model.G.parameters()["main.2.weight"]; }, {"main.2.weight"});
}

TEST_CASE("image sizes that cannot work are refused with ones that would", "[model]") {
    ModelConfig config{.labels = {{kFive}}};
    const auto refuse = [&](int height, int width, const std::vector<std::string>& parts) {
        config.height = height, config.width = width;
        expect_error([&] { validate(config); }, parts);
    };
    refuse(100, 128, {"height 100", "multiple of 64", "64 or 128", "--d-repeat-num"});
    refuse(128, 160, {"width 160", "128 or 192"});
    refuse(30, 128, {"height 30", "64 would work"});
    refuse(0, 128, {"height 0", "64 would work"});
    refuse(-64, 128, {"height -64"});
    config.d_repeat_num = 1;
    refuse(18, 16, {"height 18", "multiple of 4", "16 or 20"});
    refuse(4, 8, {"4x8", "8x8"});
    config.height = config.width = 20;
    validate(config);
    config.g_conv_dim = 0;
    expect_error([&] { validate(config); }, {"g_conv_dim is 0"});
    config.g_conv_dim = 4, config.d_repeat_num = 11;
    expect_error([&] { validate(config); }, {"d_repeat_num is 11", "10"});
    config.d_repeat_num = 1, config.labels = {};
    expect_error([&] { validate(config); }, {"no labels"});
    expect_error([&] { precision_from_string("fp8"); }, {"fp8", "bf16"});
    expect_error([&] { gan_loss_from_string("lsgan"); }, {"lsgan", "wgan-gp"});
}

TEST_CASE("images need not be square", "[model]") {
    ModelConfig config = tiny_config();
    config.height = 32, config.width = 64, config.d_repeat_num = 3;
    const auto device = Device::cpu(2);
    const StarGan model = make_model(*device, config, Precision::f32);
    const TrainingBatch batch = random_batch(*device, config, Precision::f32, 0, 2, 5);
    const GradMode off(false);
    const Tensor fake = model.G.forward(batch.x_real, batch.c_trg);
    CHECK(fake.shape() == Shape{2, 32, 64, 3});
    const auto out = model.D.forward(fake);
    CHECK(out.src.shape() == Shape{2, 4, 8, 1});
    CHECK(out.cls.shape() == Shape{2, 7});
    CHECK(model.D.parameters()["conv2.weight"].shape() == Shape{7, 4, 8, 16});
    for (double v : fake.to_host()) REQUIRE(std::abs(v) <= 1);
}

TEST_CASE("bf16 and f32 forward passes are close to f64", "[model]") {
    const auto device = Device::cpu(2);
    const ModelConfig config = tiny_config();
    const auto outputs = [&](Precision precision) {
        const GradMode off(false);
        const StarGan model = make_model(*device, config, precision);
        const TrainingBatch batch = random_batch(*device, config, precision, 0, 2, 5);
        const Tensor fake = model.G.forward(batch.x_real, batch.c_trg);
        const auto d = model.D.forward(batch.x_real);
        CHECK(fake.dtype() == master_type(precision));
        CHECK(d.src.dtype() == master_type(precision));
        CHECK(d.cls.dtype() == master_type(precision));
        return std::vector{fake.to_host(), d.src.to_host(), d.cls.to_host()};
    };
    const auto exact = outputs(Precision::f64), f32 = outputs(Precision::f32);
    for (size_t i = 0; i < exact.size(); ++i) CHECK(max_error(f32[i], exact[i]) < 1e-5);
    // Eight bits of mantissa, eleven layers: a few percent of the largest value.
    const auto half = outputs(Precision::bf16);
    for (size_t i = 0; i < exact.size(); ++i) {
        CHECK(max_error(half[i], exact[i]) < 0.05);
        CHECK(max_error(half[i], exact[i]) > 1e-5);  // it did compute in bf16
    }
}

TEST_CASE("initialisation is PyTorch's, from Philox", "[model]") {
    ModelConfig config = tiny_config();
    config.g_conv_dim = config.d_conv_dim = 16;
    const auto one = Device::cpu(1), three = Device::cpu(3);
    const StarGan model = make_model(*one, config, Precision::f32, 11);
    for (const Parameters* network : {&model.G.parameters(), &model.D.parameters()}) {
        double bound = 0;
        for (size_t i = 0; i < network->entries().size(); ++i) {
            const auto& [name, shape, offset] = network->entries()[i];
            INFO(name);
            const auto values = to_file_layout(network->tensors()[i]);
            const Shape file = file_shape(shape);
            const bool weight = file.size() == 4, of_d = network == &model.D.parameters();
            if (weight) bound = 1 / std::sqrt(double(file[1] * file[2] * file[3]));
            if (!weight && !of_d) {
                const float constant = name.ends_with(".weight") ? 1 : 0;
                CHECK(values == std::vector<float>(values.size(), constant));
                continue;
            }
            double mean = 0, largest = 0;
            for (float v : values) mean += v / double(values.size());
            for (float v : values) largest = std::max(largest, double(std::abs(v)));
            CHECK(largest <= bound);
            CHECK(largest > (weight ? 0.95 : 0.5) * bound);
            // Standard error of a mean of uniform numbers, times four.
            CHECK(std::abs(mean) < 4 * bound / std::sqrt(3.0 * double(values.size())));
            const auto purpose = of_d ? RngPurpose::init_discriminator : RngPurpose::init_generator;
            const Rng rng{.seed = 11, .purpose = purpose, .iteration = uint32_t(i)};
            CHECK(values[1] == Approx((2.0 * rng.uniform(1) - 1) * bound));
        }
    }
    CHECK(all_parameters(model) == all_parameters(make_model(*three, config, Precision::f32, 11)));
    CHECK(all_parameters(model) != all_parameters(make_model(*one, config, Precision::f32, 12)));
}
