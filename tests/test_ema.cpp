#include <nlohmann/json.hpp>

#include "engine/safetensors.h"
#include "kernels/adam/adam.h"
#include "tests/devices.h"
#include "tests/model_cases.h"
#include "tests/temp_dir.h"
#include "train/checkpoint.h"

using namespace sg;
using namespace sg::testing;

namespace {

const std::vector<int64_t> kCounts = {1, 31, 32, 33, 2 * chunk_elements + 37};

/// The average of weights that change 50 times, and what a loop in f64 makes of them.
template <class T, class Device>
void check_average(Device& device, int64_t count, double decay, double tolerance) {
    INFO(count << " parameters, decay " << decay);
    const auto start = to<T>(uniform(count, 60));
    auto average = device.output(start);
    std::vector<double> want = to_double(start);
    for (uint64_t step = 0; step < 50; ++step) {
        const auto p = to<T>(uniform(count, 100 + step, 0, 2));
        const auto in = device.input(p);
        ema_update(device.context,
                   EmaArgs<T>{.count = count, .average = average, .p = in, .decay = decay});
        average.get();  // before p goes
        for (size_t i = 0; i < want.size(); ++i)
            want[i] = decay * want[i] + (1 - decay) * double(p[i]);
    }
    CHECK(max_error(average.get(), want) < tolerance);
}

std::vector<std::vector<double>> values_of(const Parameters& parameters) {
    std::vector<std::vector<double>> result;
    for (const Tensor& tensor : parameters.tensors()) result.push_back(tensor.to_host());
    return result;
}

StarGan averaged_model(Device& device, Precision precision, double ema, uint64_t seed = 8) {
    StarGan model(device, tiny_config(), precision, ema);
    initialise(model, seed);
    return model;
}

void save(const std::string& path, const StarGan& model) {
    CheckpointInfo info;
    info.model = model.config;
    save_checkpoint(path, model, info);
}

/// Iterations first, ..., last - 1: a D step each, and a G step in every second.
void train(StarGan& model, Device& device, int first, int last, const int32_t* halted = nullptr) {
    for (int i = first; i < last; ++i) {
        const auto batch = random_batch(device, model.config, model.precision, 0, 2, 30 + 10 * i);
        apply(model, reference_d_step(model, {}, batch), 1e-3, {}, halted);
        if (i % 2) apply(model, reference_g_step(model, {}, batch), 1e-3, {}, halted);
    }
}

}  // namespace

TEST_CASE("the average follows its formula", "[ema]") {
    for_each_device([](auto& device) {
        for (const int64_t count : kCounts)
            for (const double decay : {0.5, 0.999})
                check_average<float>(device, count, decay, 1e-6);
    });
    HostDevice<SimContext> sim{SimContext(), "sim, one parameter per thread", false};
    check_average<float>(sim, 132 * 8 * 256 + 7, 0.9, 1e-6);  // more than its grid takes at once
    HostDevice<CpuContext> cpu{CpuContext(2), "cpu", true};
    for (const int64_t count : kCounts) check_average<double>(cpu, count, 0.999, 1e-14);
}

TEST_CASE("the average of what does not change is it, and a halted one stays", "[ema]") {
    for_each_device([](auto& device) {
        for (const int64_t count : kCounts) {
            INFO(count << " parameters");
            const auto same = to<float>(uniform(count, 5)), other = to<float>(uniform(count, 6));
            const auto in = device.input(same), moved = device.input(other);
            const auto go = device.input(std::vector<int32_t>{0});
            const auto halt = device.input(std::vector<int32_t>{1});
            auto average = device.output(same);
            const auto update = [&](const float* p, const int32_t* halted) {
                ema_update(device.context, EmaArgs<float>{.count = count,
                                                          .average = average,
                                                          .p = p,
                                                          .decay = 0.999,
                                                          .halted = halted});
                return average.get();
            };
            CHECK(update(in, nullptr) == to_double(same));
            CHECK(update(moved, halt) == to_double(same));
            CHECK(update(moved, go) != to_double(same));
        }
    });
}

TEST_CASE("an averaged G follows G's updates and nothing else", "[ema]") {
    const auto device = Device::cpu(2);
    constexpr double decay = 0.9;
    StarGan model = averaged_model(*device, Precision::f64, decay);
    StarGan plain = make_model(*device, tiny_config(), Precision::f64, 8);
    CHECK(&display_generator(model) == &*model.G_ema);
    CHECK(&display_generator(plain) == &plain.G);
    auto want = values_of(model.G.parameters());
    CHECK(values_of(model.G_ema->parameters()) == want);
    for (int i = 0; i < 6; ++i) {
        train(model, *device, i, i + 1);
        train(plain, *device, i, i + 1);
        const auto now = values_of(model.G.parameters());
        for (size_t p = 0; i % 2 && p < want.size(); ++p)
            for (size_t e = 0; e < want[p].size(); ++e)
                want[p][e] = decay * want[p][e] + (1 - decay) * now[p][e];
        const auto got = values_of(model.G_ema->parameters());
        for (size_t p = 0; p < want.size(); ++p) CHECK(max_error(got[p], want[p]) < 1e-14);
        CHECK((i == 0) == (got == now));
    }
    CHECK(model.g_updates == 3);
    CHECK(all_parameters(model) == all_parameters(plain));  // it only watches

    // Its pictures are those of a G with its weights.
    const auto batch = random_batch(*device, model.config, Precision::f64, 0, 2, 5);
    StarGan by_hand(*device, model.config, Precision::f64);
    for (size_t i = 0; i < want.size(); ++i)
        by_hand.G.parameters().assign(
            i, std::span<const double>(model.G_ema->parameters().tensors()[i].to_host()));
    const auto picture = [&](const Generator& G) {
        return G.forward(batch.x_real, batch.c_trg).to_host();
    };
    CHECK(picture(display_generator(model)) == picture(by_hand.G));
    CHECK(picture(display_generator(model)) != picture(model.G));
}

TEST_CASE("an average stops with its network", "[ema]") {
    const auto cpu = Device::cpu(1), sim = Device::sim();
    for (Device* device : {cpu.get(), sim.get()}) {
        INFO(device->name());
        StarGan model = averaged_model(*device, Precision::f32, 0.5);
        train(model, *device, 1, 2);
        const auto before = values_of(model.G_ema->parameters());
        const int32_t one = 1;
        const DeviceBytes halted(*device, sizeof(one));
        device->upload(halted.data(), &one, sizeof(one));
        train(model, *device, 1, 2, static_cast<const int32_t*>(halted.data()));
        CHECK(values_of(model.G_ema->parameters()) == before);
        train(model, *device, 1, 2);
        CHECK(values_of(model.G_ema->parameters()) != before);
    }
}

TEST_CASE("an average cannot be stepped, nor follow another network", "[ema]") {
    const auto device = Device::cpu(1), other = Device::cpu(1);
    expect_error([&] { averaged_model(*device, Precision::f32, 1); }, {"ema is 1", "[0, 1)"});
    expect_error([&] { averaged_model(*device, Precision::f32, -0.1); }, {"ema is -0.1"});
    StarGan model = averaged_model(*device, Precision::f32, 0.9);
    Parameters& average = model.G_ema->parameters();
    CHECK_FALSE(average.has_moments());
    CHECK(model.G.parameters().has_moments());
    expect_error([&] { average.first_moment(0); }, {"main.0.weight has no moments"});
    expect_error([&] { average.second_moment(0); }, {"main.0.weight has no moments"});
    expect_error([&] { average.average_with(model.D.parameters(), 0.9); }, {"different networks"});
    expect_error([&] { average.copy_values(model.D.parameters()); }, {"different networks"});
    const StarGan there = averaged_model(*other, Precision::f32, 0.9);
    expect_error([&] { average.copy_values(there.G.parameters()); }, {"different", "devices"});
    expect_error([&] { average.average_with(model.G.parameters(), 1); }, {"decay is 1"});
}

TEST_CASE("a resumed average is the uninterrupted one", "[ema]") {
    const TempDir folder;
    const std::string half = folder.file("half.safetensors");
    const auto device = Device::cpu(2);
    StarGan whole = averaged_model(*device, Precision::f32, 0.99);
    train(whole, *device, 0, 4);
    {
        StarGan first = averaged_model(*device, Precision::f32, 0.99);
        train(first, *device, 0, 2);
        save(half, first);
    }
    CHECK(read_checkpoint_info(half).ema == 0.99);
    StarGan second = averaged_model(*device, Precision::f32, 0.99, 9);
    load_checkpoint(half, second, LoadMoments::yes);
    train(second, *device, 2, 4);
    CHECK(all_parameters(second) == all_parameters(whole));
    CHECK(values_of(second.G_ema->parameters()) == values_of(whole.G_ema->parameters()));
    // And to the last byte, moments and all.
    const std::string a = folder.file("a.safetensors"), b = folder.file("b.safetensors");
    save(a, whole);
    save(b, second);
    CHECK(SafetensorsReader(a).metadata() == SafetensorsReader(b).metadata());
    CHECK(SafetensorsReader(a).data_hash() == SafetensorsReader(b).data_hash());
    CHECK(SafetensorsReader(a).contains("G_ema.main.16.weight"));
    CHECK_FALSE(SafetensorsReader(a).contains("adam.m.G_ema.main.16.weight"));
}

TEST_CASE("an average can be switched on and off between runs", "[ema]") {
    const TempDir folder;
    const std::string with = folder.file("with.safetensors"), without = folder.file("without");
    const auto device = Device::cpu(1);
    StarGan averaged = averaged_model(*device, Precision::f32, 0.5);
    StarGan plain = make_model(*device, tiny_config(), Precision::f32, 8);
    train(averaged, *device, 0, 2);
    train(plain, *device, 0, 2);
    save(with, averaged);
    save(without, plain);

    StarGan on = averaged_model(*device, Precision::f32, 0.9, 9);
    load_checkpoint(without, on, LoadMoments::yes);
    CHECK(values_of(on.G_ema->parameters()) == values_of(plain.G.parameters()));
    load_checkpoint(with, on, LoadMoments::yes);  // another decay goes on from where it was
    CHECK(values_of(on.G_ema->parameters()) == values_of(averaged.G_ema->parameters()));
    StarGan off = make_model(*device, tiny_config(), Precision::f32, 9);
    load_checkpoint(with, off, LoadMoments::yes);
    CHECK(all_parameters(off) == all_parameters(plain));

    // A checkpoint from before there were averages.
    SafetensorsReader reader(without);
    auto metadata = reader.metadata();
    auto state = nlohmann::json::parse(metadata["state"]);
    CHECK(state.erase("ema") == 1);
    metadata["state"] = state.dump();
    SafetensorsWriter old;
    old.write(folder.file("old.safetensors"), metadata);
    CHECK(read_checkpoint_info(folder.file("old.safetensors")).ema == 0);
}
