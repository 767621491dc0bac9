#include "model/classifier.h"

#include <algorithm>
#include <cmath>

#include "tests/gradient_check.h"
#include "tests/model_cases.h"
#include "tests/reference.h"
#include "train/eval/classifier_training.h"

using namespace sg;
using namespace sg::testing;

namespace {

const ClassifierConfig kTiny{.height = 8,
                             .width = 12,
                             .labels = group("t", LabelKind::multi_label, 3),
                             .dim = 2,
                             .stages = 2,
                             .features = 4};

/// Every parameter at random, also those that initialise() makes 0.
Classifier random_network(Device& device, const ClassifierConfig& config, Precision precision,
                          uint64_t seed = 1) {
    Classifier network(device, config, precision);
    for (size_t i = 0; i < network.parameters().entries().size(); ++i) {
        const Shape& shape = network.parameters().entries()[i].shape;
        const double bound =
            shape.size() == 4 ? std::sqrt(6.0 / double(element_count(shape) / shape[0])) : 0.5;
        network.parameters().assign(
            i, std::span<const double>(uniform(element_count(shape), seed + i, -bound, bound)));
    }
    return network;
}

Tensor images(Device& device, const ClassifierConfig& config, int64_t N, uint64_t seed,
              DType dtype = DType::f32) {
    return random_tensor(device, {N, config.height, config.width, 3}, dtype, seed);
}

std::vector<double> relu_of(std::vector<double> x) {
    for (double& v : x) v = std::max(v, 0.0);
    return x;
}

/// The network as its header describes it, in textbook loops.
struct Textbook {
    const Parameters& p;
    std::vector<double> h;
    Shape shape;  // of h

    std::vector<double> conv(const std::vector<double>& x, const std::string& name, int stride,
                             int pad, Shape& to) const {
        const Tensor &w = p[name + ".weight"], &bias = p[name + ".bias"];
        const ConvShape s{.N = shape[0],
                          .H = to[1],
                          .W = to[2],
                          .C = w.dim(3),
                          .K = w.dim(0),
                          .R = w.dim(1),
                          .S = w.dim(2),
                          .stride = stride,
                          .pad = pad};
        ConvReference reference(s, x, w.to_host(), std::vector<double>(s.y_size()));
        reference.add_bias(bias.to_host());
        to = {s.N, s.P(), s.Q(), s.K};
        return reference.y.value;
    }
    void stage(const std::string& name) {
        h = relu_of(conv(h, name + ".down", 2, 1, shape));
        Shape same = shape;
        const auto branch =
            conv(relu_of(conv(h, name + ".first", 1, 1, same)), name + ".second", 1, 1, same);
        const double gain = p[name + ".gain"].item();
        for (size_t i = 0; i < h.size(); ++i) h[i] += gain * branch[i];
    }
};

std::vector<std::vector<double>> weights(const Classifier& network) {
    std::vector<std::vector<double>> result;
    for (const Tensor& tensor : network.parameters().tensors()) result.push_back(tensor.to_host());
    return result;
}

}  // namespace

TEST_CASE("classifier: forward is what its header says") {
    const auto device = Device::cpu(2);
    const Classifier network = random_network(*device, kTiny, Precision::f64);
    const Tensor x = images(*device, kTiny, 3, 50, DType::f64);
    Textbook book{network.parameters(), x.to_host(), x.shape()};
    book.stage("stage.0");
    book.stage("stage.1");
    CHECK(book.shape == Shape{3, 2, 3, 4});
    const auto features = relu_of(book.conv(book.h, "features", 1, 0, book.shape));
    CHECK(book.shape == Shape{3, 1, 1, 4});
    const auto logits = book.conv(features, "logits", 1, 0, book.shape);

    const auto got = network.forward(x);
    CHECK(got.features.shape() == Shape{3, 4});
    CHECK(got.logits.shape() == Shape{3, 3});
    CHECK(max_error(got.features.to_host(), features) < 1e-13);
    CHECK(max_error(got.logits.to_host(), logits) < 1e-13);

    // The same weights in bf16: 8 bits of mantissa, some ten layers of roundings.
    const Classifier coarse = random_network(*device, kTiny, Precision::bf16);
    const auto rough = coarse.forward(images(*device, kTiny, 3, 50));
    CHECK(rough.features.dtype() == DType::f32);
    CHECK(max_error(rough.logits.to_host(), logits) < 0.05);
    CHECK(max_error(rough.logits.to_host(), logits) > 1e-5);
}

TEST_CASE("classifier: the loss has the gradients that differences show") {
    const auto device = Device::cpu(2);
    const Classifier network = random_network(*device, kTiny, Precision::f64);
    const Tensor x = images(*device, kTiny, 2, 60, DType::f64);
    for (const LabelKind kind : {LabelKind::multi_label, LabelKind::one_hot}) {
        const LabelLayout layout{{group("t", kind, 3)}};
        const Tensor labels = random_labels(*device, layout, 0, 2, DType::f64, 61);
        const auto loss = [&] {
            return classification_loss(layout, 0, network.forward(x).logits, labels);
        };
        const auto& parameters = network.parameters().tensors();
        const Values at = weights(network), got = gradients(loss(), parameters);
        const auto value = [&](const Values& values) {
            for (size_t i = 0; i < values.size(); ++i) {
                Tensor(parameters[i]).assign(std::span<const double>(values[i]));
                Tensor(parameters[i]).mark_changed();
            }
            return loss().item();
        };
        const Values expected = differences(value, at, 1e-6);
        value(at);
        for (size_t i = 0; i < at.size(); ++i) {
            INFO(network.parameters().entries()[i].name);
            CHECK(max_error(got[i], expected[i]) < 1e-6);
        }
    }
}

TEST_CASE("classifier: sizes decide how many stages there are") {
    const auto device = Device::cpu(1);
    const auto make = [&](int height, int width) {
        return Classifier(*device, {.height = height, .width = width, .labels = kFive},
                          Precision::f32);
    };
    const auto stages = [&](int height, int width) { return make(height, width).config().stages; };
    CHECK(stages(64, 64) == 4);
    CHECK(stages(128, 96) == 4);
    CHECK(stages(64, 72) == 3);
    CHECK(stages(36, 64) == 2);
    CHECK(stages(16, 16) == 4);
    CHECK(stages(2, 4) == 1);
    int64_t count = 0;
    const Classifier usual = make(64, 64);
    for (const Tensor& tensor : usual.parameters().tensors()) count += tensor.size();
    CHECK(count == 344'217);
    const auto network = make(36, 64);
    CHECK(network.forward(images(*device, network.config(), 2, 1)).logits.shape() == Shape{2, 5});
    expect_error([&] { make(64, 63); }, {"classifier", "64x63", "even"});
    expect_error([&] { make(0, 64); }, {"height is 0"});
    expect_error([&] { Classifier(*device, {.labels = {}}, Precision::f32); }, {"no labels"});
}

TEST_CASE("classifier: it starts without residual branches, as the seed says") {
    const auto device = Device::cpu(1);
    const auto start = [&](uint64_t seed) {
        Classifier network(*device, kTiny, Precision::f32);
        initialise(network, seed);
        return network;
    };
    const Classifier a = start(1), b = start(1), c = start(2);
    CHECK(weights(a) == weights(b));
    for (size_t i = 0; i < weights(a).size(); ++i) {
        const auto& entry = a.parameters().entries()[i];
        INFO(entry.name);
        const auto values = weights(a)[i];
        const double largest =
            std::abs(*std::max_element(values.begin(), values.end(), [](double x, double y) {
                return std::abs(x) < std::abs(y);
            }));
        if (entry.shape.size() != 4) {
            CHECK(largest == 0);
            continue;
        }
        const double fan_in = double(values.size()) / double(entry.shape[0]);
        const double bound = std::sqrt((entry.name == "logits.weight" ? 1 : 6) / fan_in);
        CHECK(largest <= bound);
        CHECK(largest > 0.6 * bound);
        CHECK(values != weights(c)[i]);
    }
    CHECK(a.parameters()["stage.0.first.weight"].to_host() !=
          a.parameters()["stage.0.second.weight"].to_host());
}

TEST_CASE("classifier: judging in slices is judging at once") {
    const auto device = Device::cpu(2);
    const Classifier network = random_network(*device, kTiny, Precision::f32);
    const Tensor x = images(*device, kTiny, 7, 70);
    const auto whole = network.forward(x);
    for (const int slice : {1, 3, 7, 32}) {
        CAPTURE(slice);
        const Judged judged = judge(network, x, slice);
        CHECK(max_error(to_double(judged.features), whole.features.to_host()) < 1e-6);
        CHECK(max_error(to_double(judged.logits), whole.logits.to_host()) < 1e-6);
    }
    expect_error([&] { judge(network, x, 0); }, {"slices of 0"});
    expect_error(
        [&] {
            judge(network, random_tensor(*device, {1, 12, 8, 3}, DType::f32, 1));
        },
        {"[1,12,8,3]", "[N,8,12,3]"});
}

TEST_CASE("classifier: a device's kernels train it as the processor's do") {
    const auto cpu = Device::cpu(2), sim = Device::sim();
    const LabelLayout layout{{kTiny.labels}};
    const auto by_device = [&](Device& device) {
        const Classifier network = random_network(device, kTiny, Precision::f32);
        const Tensor labels = random_labels(device, layout, 0, 2, DType::f32, 81);
        const Tensor x = images(device, kTiny, 2, 80);
        const Tensor loss = classification_loss(layout, 0, network.forward(x).logits, labels);
        return gradients(loss, network.parameters().tensors());
    };
    const Values expected = by_device(*cpu), got = by_device(*sim);
    for (size_t i = 0; i < expected.size(); ++i) CHECK(max_error(got[i], expected[i]) < 1e-5);
}
