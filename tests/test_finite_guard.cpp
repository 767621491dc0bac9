#include "engine/finite_guard.h"
#include "tests/model_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

struct Numbers {
    Tensor good, large, infinite, nan;
    explicit Numbers(Device& device)
        : good(random_tensor(device, {3, 11}, DType::f32, 1)),
          large(Tensor::full(device, {5}, DType::bf16, -1e38)),
          infinite(Tensor::full(device, {1}, DType::f32, HUGE_VAL)),
          nan(random_tensor(device, {2, 40}, DType::f32, 2)) {
        nan.slice_flat(70, {1}).assign(std::vector<float>{NAN});
    }
};

}  // namespace

TEST_CASE("a guard names the first tensor of the first check that is not finite", "[guard]") {
    for (const auto& device : {Device::cpu(2), Device::sim({.threads = 2})}) {
        INFO(device->name());
        const Numbers x(*device);
        FiniteGuard guard(*device), other(*device);
        const int64_t before = device->downloads();
        guard.check(std::vector{x.good, x.large});
        guard.check({});
        CHECK(device->downloads() == before);
        CHECK_FALSE(guard.read());
        guard.check(std::vector{x.good, x.good, x.infinite, x.good, x.nan});
        guard.check(std::vector{x.nan});  // comes too late
        const auto finding = guard.read();
        REQUIRE(finding);
        CHECK(finding->check == 2);
        CHECK(finding->tensor == 2);
        other.check(std::vector{x.nan, x.infinite});
        REQUIRE(other.read());
        CHECK((other.read()->check == 0 && other.read()->tensor == 0));
    }
}

TEST_CASE("a halted step does not reach the model, those before it do", "[guard]") {
    for (const auto& device : {Device::cpu(2), Device::sim({.threads = 2})}) {
        INFO(device->name());
        const ModelConfig config = tiny_config();
        StarGan model = make_model(*device, config, Precision::f32, 3);
        StarGan expected = make_model(*device, config, Precision::f32, 3);
        FiniteGuard guard(*device);
        const auto step = [&](int seed, bool spoiled) {
            const auto batch = random_batch(*device, config, Precision::f32, 0, 2, seed);
            auto d = reference_d_step(model, {}, batch);
            if (spoiled) d.grads[4].slice_flat(1, {1}).assign(std::vector<float>{NAN});
            guard.check(d.grads);
            apply(model, d, 1e-3, {}, guard.halted());
            return d;
        };
        const int64_t before = device->downloads();
        apply(expected, step(20, false), 1e-3, {});
        step(30, true);
        step(40, false);
        CHECK(device->downloads() == before);  // the host has not been asked
        CHECK(all_parameters(model) == all_parameters(expected));
        const Parameters &got = model.D.parameters(), &want = expected.D.parameters();
        for (size_t i = 0; i < want.entries().size(); ++i) {
            CHECK(got.first_moment(i).to_host() == want.first_moment(i).to_host());
            CHECK(got.second_moment(i).to_host() == want.second_moment(i).to_host());
        }
        REQUIRE(guard.read());
        CHECK((guard.read()->check == 1 && guard.read()->tensor == 4));
    }
}
