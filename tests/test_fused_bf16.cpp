#include "model/fused_step.h"
#include "tests/model_cases.h"

using namespace sg;
using namespace sg::testing;

// G's fused step in bf16 and the reference differ as much from each other as from the truth (a
// third of a gradient in this small network): the labels come in at other places, and sums are
// rounded with or without their constants. So each is held against f64.

namespace {

/// ||got - want|| / ||want||
double distance(const std::vector<double>& got, const std::vector<double>& want) {
    REQUIRE(got.size() == want.size());
    double error = 0, scale = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        error += (got[i] - want[i]) * (got[i] - want[i]);
        scale += want[i] * want[i];
    }
    return std::sqrt(error / scale);
}

/// The weights of the labels: all but the first three of the last dimension.
std::vector<double> of_labels(const Tensor& weight) {
    const auto all = weight.to_host();
    const size_t channels = size_t(weight.dim(3));
    std::vector<double> labels;
    for (size_t i = 0; i < all.size(); ++i)
        if (i % channels >= 3) labels.push_back(all[i]);
    return labels;
}

/// How far a step is from `truth`: its image there and back, its gradients by the labels' weights
/// and by every parameter, in this order.
std::vector<double> distances(const GeneratorStep& step, const GeneratorStep& truth) {
    std::vector<double> all{distance(step.x_rec.to_host(), truth.x_rec.to_host()),
                            distance(of_labels(step.grads[0]), of_labels(truth.grads[0]))};
    for (size_t i = 0; i < truth.grads.size(); ++i)
        all.push_back(distance(step.grads[i].to_host(), truth.grads[i].to_host()));
    return all;
}

void add_to(std::vector<double>& sums, const std::vector<double>& terms) {
    sums.resize(terms.size());
    for (size_t i = 0; i < terms.size(); ++i) sums[i] += terms[i];
}

}  // namespace

TEST_CASE("G's fused step in bf16 is as close to f64 as the reference", "[fused]") {
    constexpr int batches = 6;
    const auto exact_device = Device::cpu(2);
    const StarGan exact_model = make_model(*exact_device, tiny_config(), Precision::f64, 3);
    for (const bool simulated : {false, true}) {
        const auto device = simulated ? Device::sim({.threads = 2}) : Device::cpu(2);
        const StarGan model = make_model(*device, tiny_config(), Precision::bf16, 3);
        std::vector<double> fused, reference;
        for (uint64_t seed = 20; seed < 20 + batches; ++seed) {
            const auto exact_batch =
                random_batch(*exact_device, tiny_config(), Precision::f64, 0, 3, seed);
            const auto truth = reference_g_step(exact_model, {}, exact_batch);
            const auto batch = random_batch(*device, tiny_config(), Precision::bf16, 0, 3, seed);
            add_to(fused, distances(fused_g_step(model, {}, batch), truth));
            add_to(reference, distances(reference_g_step(model, {}, batch), truth));
        }
        double all_fused = 0, all_reference = 0;
        for (size_t i = 0; i < fused.size(); ++i) {
            INFO(device->name() << ", distance " << i << ": " << fused[i] / batches
                                << ", reference " << reference[i] / batches);
            CHECK(fused[i] <= (i == 0 ? 1.1 : 1.5) * reference[i]);
            CHECK(reference[i] < 0.8 * batches);
            all_fused += fused[i], all_reference += reference[i];
        }
        CHECK(all_fused <= 1.2 * all_reference);
    }
}
