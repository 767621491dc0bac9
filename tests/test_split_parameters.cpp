#include "kernels/adam/split_master.h"
#include "model/fused_step.h"
#include "tests/model_cases.h"

// Networks whose weights are kept in two halves (Masters::split).

using namespace sg;
using namespace sg::testing;

TEST_CASE("a device's rounded weights follow the masters, whoever writes them", "[fused]") {
    for (const Masters masters : {Masters::whole, Masters::split}) {
        INFO((masters == Masters::split ? "split" : "whole"));
        const auto device = Device::sim({.threads = 2});
        const ModelConfig config = tiny_config();
        StarGan model(*device, config, Precision::bf16, 0, masters);
        initialise(model, 3);
        const auto batch = random_batch(*device, config, Precision::bf16, 0, 2, 20);
        Parameters& D = model.D.parameters();
        const auto check = [&] {
            for (size_t i = 0; i < D.entries().size(); ++i) {
                INFO(D.entries()[i].name);
                const bool bias = D.entries()[i].shape.size() == 1;
                if (masters == Masters::split && bias) continue;  // kernels take it in f32
                REQUIRE(D.operand(i).dtype() == DType::bf16);
                REQUIRE(D.value(i).dtype() == DType::f32);
                // Half a unit of a number's last place away, at most: 2^-8 of it.
                CHECK(distance(cast(D.operand(i), DType::f32), D.value(i)) < 0x1p-8);
            }
        };
        check();
        for (int i = 0; i < 2; ++i) {
            apply(model, fused_d_step(model, {}, batch), 1e-2, {});
            check();
        }
        const Tensor other = random_tensor(*device, D.entries()[0].shape, DType::f32, 4);
        D.assign(0, std::span<const double>(other.to_host()));
        check();
        CHECK(D.value(0).to_host() == other.to_host());
        // Without anybody to ask for them in between.
        const auto step = fused_d_step(model, {}, batch);
        D.assign(0, std::span<const double>(std::vector<double>(size_t(other.size()), 0.5)));
        apply(model, step, 1e-2, {});
        check();
    }
    const auto cpu = Device::cpu(1);
    const StarGan f32(*cpu, tiny_config(), Precision::f32, 0, Masters::split);
    CHECK(f32.D.parameters().operand(0).id() == f32.D.parameters().tensors()[0].id());
    CHECK(f32.D.parameters().value(0).id() == f32.D.parameters().tensors()[0].id());
}

TEST_CASE("a step on split parameters is one on whole ones, bit by bit", "[fused]") {
    const auto device = Device::sim({.threads = 2});
    const auto updated = [&](Masters masters, bool of_g) {
        StarGan model(*device, tiny_config(), Precision::bf16, 0.9, masters);
        initialise(model, 3);
        // Whole ones are rounded to even where they lie exactly between two bf16 numbers: none may.
        for (Parameters* p : {&model.G.parameters(), &model.D.parameters()})
            for (size_t i = 0; i < p->entries().size(); ++i) {
                std::vector<float> values = p->value(i).to_host_f32();
                for (float& value : values)
                    if (split_f32(value).low == -0x8000) value = std::nextafter(value, 0.0f);
                p->assign(i, std::span<const float>(values));
            }
        model.G_ema->parameters().copy_values(model.G.parameters());
        const auto batch = random_batch(*device, tiny_config(), Precision::bf16, 0, 2, 20);
        if (of_g)
            apply(model, fused_g_step(model, {}, batch), 1e-2, {});
        else
            apply(model, fused_d_step(model, {}, batch), 1e-2, {});
        auto values = all_parameters(model);
        for (size_t i = 0; i < model.G_ema->parameters().entries().size(); ++i)
            values.push_back(model.G_ema->parameters().value(i).to_host());
        return values;
    };
    for (const bool of_g : {false, true})
        CHECK((updated(Masters::split, of_g) == updated(Masters::whole, of_g)));
}
