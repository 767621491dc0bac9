#include <nlohmann/json.hpp>

#include "engine/safetensors.h"
#include "tests/support.h"
#include "tests/temp_dir.h"
#include "train/parity.h"
#include "train/parity_rules.h"

using namespace sg;
using namespace sg::testing;

namespace {

std::string frozen(const std::string& name) {
    return seen_from_program(SG_TEST_DATA) / (name + ".safetensors");
}

std::vector<std::string> misses(const std::string& path, Precision precision,
                                std::unique_ptr<Device> device = Device::cpu(2)) {
    std::vector<std::string> names;
    const auto checks = run_parity(path, *device, precision);
    CHECK(checks.size() > 20);
    for (const ParityCheck& check : checks) {
        if (check.passed()) continue;
        names.push_back(check.name);
        UNSCOPED_INFO(check.name << ": " << check.error << " of " << check.tolerance << " "
                                 << check.measure);
    }
    return names;
}

/// A parity file in memory, to be changed and written again.
struct Frozen {
    struct Item {
        std::string name;
        Shape shape;
        std::vector<float> values;
    };
    std::vector<Item> items;
    std::map<std::string, std::string> metadata;

    explicit Frozen(const std::string& name) {
        const SafetensorsReader file(frozen(name));
        metadata = file.metadata();
        for (const auto& [key, entry] : file.entries())
            items.push_back({key, entry.shape, file.read_f32(key)});
    }
    Item& operator[](const std::string& name) {
        for (Item& item : items)
            if (item.name == name) return item;
        throw Error("test", "no tensor " + name);
    }
    void remove(const std::string& name) {
        std::erase_if(items, [&](const Item& item) { return item.name == name; });
    }
    /// Sets one entry of the configuration; null removes it.
    void configure(const std::string& key, const nlohmann::json& value) {
        auto config = nlohmann::json::parse(metadata.at("config"));
        if (value.is_null())
            config.erase(key);
        else
            config[key] = value;
        metadata["config"] = config.dump();
    }
    std::string write(const TempDir& folder) const {
        SafetensorsWriter writer;
        for (const Item& item : items) writer.add(item.name, item.shape, item.values);
        writer.write(folder.file("copy.safetensors"), metadata);
        return folder.file("copy.safetensors");
    }
};

/// Moves the element of largest magnitude by `part` of the tensor's norm.
void disturb(std::vector<float>& values, double part) {
    double norm = 0;
    for (float v : values) norm += double(v) * v;
    *std::max_element(values.begin(), values.end(), [](float a, float b) {
        return std::abs(a) < std::abs(b);
    }) += float(part * std::sqrt(norm));
}

}  // namespace

TEST_CASE("frozen runs are reproduced in f64 and f32", "[parity]") {
    for (const char* name : {"multilabel", "onehot", "joint", "vanilla", "trajectory"})
        for (Precision precision : {Precision::f64, Precision::f32}) {
            const auto missed = misses(frozen(name), precision);
            INFO(name << " in " << to_string(precision));
            CHECK(missed.empty());
        }
}

TEST_CASE("frozen runs are reproduced on the simulated device", "[parity]") {
    for (const char* name : {"multilabel", "vanilla"}) {
        INFO(name);
        CHECK(misses(frozen(name), Precision::f32, Device::sim({.threads = 2})).empty());
    }
    const auto sim = Device::sim();
    expect_error([&] { run_parity(frozen("multilabel"), *sim, Precision::f64); },
                 {"sim", "not f64", "cpu"});
}

TEST_CASE("one wrong number in a frozen run is noticed", "[parity]") {
    const TempDir folder;
    Frozen file("multilabel");  // losses and images: nothing else depends on them
    std::vector<std::string> changed = {"it0.loss.d_real", "it0.loss.d_gp", "it0.loss.g_rec",
                                        "it0.loss.g_cls",  "it0.x_fake",    "it0.x_rec",
                                        "it0.x_hat_grad"};
    for (const std::string& name : changed) disturb(file[name].values, 0.01);
    auto missed = misses(file.write(folder), Precision::f64);
    std::sort(missed.begin(), missed.end());
    std::sort(changed.begin(), changed.end());
    CHECK(missed == changed);

    Frozen gradients("multilabel");  // they feed Adam, so weights may miss as well
    const std::vector<std::string> wrong = {"it0.grad.D.main.0.weight", "it0.grad.D.main.2.bias",
                                            "it0.grad.D.conv2.weight", "it0.grad.G.main.0.weight",
                                            "it0.grad.G.main.1.bias"};
    for (const std::string& name : wrong) disturb(gradients[name].values, 0.01);
    missed = misses(gradients.write(folder), Precision::f64);
    for (const std::string& name : wrong) {
        INFO(name);
        CHECK(std::count(missed.begin(), missed.end(), name) == 1);
    }
    CHECK(std::count(missed.begin(), missed.end(), "it0.grad.D.main.2.weight") == 0);
}

TEST_CASE("weights that did not move as they must are noticed", "[parity]") {
    const TempDir folder;
    Frozen still("multilabel");
    for (const std::string name : {"D.main.2.weight", "G.main.3.weight"})
        still["final." + name].values = still[name].values;  // as if never updated
    CHECK(misses(still.write(folder), Precision::f64) ==
          std::vector<std::string>{"final.G.main.3.weight", "final.D.main.2.weight"});
    Frozen start("multilabel");
    disturb(start["G.main.3.weight"].values, 0.05);
    CHECK(misses(start.write(folder), Precision::f32).size() > 5);
}

TEST_CASE("a parity file that is not one is refused", "[parity]") {
    const TempDir folder;
    const auto device = Device::cpu(1);
    const auto refuse = [&](const auto& change, const std::vector<std::string>& parts) {
        Frozen file("multilabel");
        change(file);
        const std::string path = file.write(folder);
        expect_error([&] { run_parity(path, *device, Precision::f32); }, parts);
    };
    const auto with = [&](const char* key, const nlohmann::json& value,
                          const std::vector<std::string>& parts) {
        refuse([&](Frozen& f) { f.configure(key, value); }, parts);
    };
    refuse([](Frozen& f) { f.metadata.erase("format"); }, {"parity", "format", "missing"});
    refuse([](Frozen& f) { f.metadata["format"] = "x"; }, {"format", "x", "stargan-parity-1"});
    refuse([](Frozen& f) { f.metadata.erase("config"); }, {"copy.safetensors", "config"});
    refuse([](Frozen& f) { f.metadata["config"] = "{"; }, {"copy.safetensors", "config"});
    with("d_lr", nullptr, {"config", "d_lr"});
    with("image_size", "big", {"config"});
    with("image_size", 30, {"height 30", "32"});
    with("gan", "lsgan", {"lsgan"});
    with("groups", {{{"dim", 5}, {"kind", "some"}}}, {"some", "multi_label"});
    with("groups", {{{"dim", 4}, {"kind", "multi_label"}}}, {"[8,7,7,7]"});
    with("groups", nlohmann::json::array(), {"no labels"});
    with("d_conv_dim", 4, {"D.main.0.weight", "[8,3,4,4]", "[4,3,4,4]"});
    with("batch", 4, {"[4,5]"});
    with("iterations", 2, {"it1."});
    refuse([](Frozen& f) { f.remove("it0.grad.D.main.0.bias"); }, {"it0.grad.D.main.0.bias"});
    refuse([](Frozen& f) { f.remove("it0.loss.d_gp"); }, {"it0.loss.d_gp"});
    refuse(
        [](Frozen& f) {
            f.items.push_back({"stray", {1}, {0}});
        },
        {"nothing compares", "stray"});
    expect_error([&] { run_parity(frozen("multilabel"), *device, Precision::bf16); }, {"bf16"});
    expect_error([&] { run_parity("/nowhere", *device, Precision::f32); }, {"/nowhere"});
}

TEST_CASE("NaN anywhere is an error in every measure of parity", "[parity]") {
    for (const Kind kind : {Kind::loss, Kind::late_loss, Kind::image, Kind::gradient,
                            Kind::movement, Kind::free_weight}) {
        const bool loss = kind == Kind::loss || kind == Kind::late_loss;
        const std::vector<double> right(loss ? 1 : 3, 0.5);
        const Quantity like{.name = "q", .kind = kind, .values = {}, .initial = {0, 0, 0}};
        CHECK(sg::error_of(like, right, right) == 0);
        for (size_t at = 0; at < right.size(); ++at) {
            INFO("kind " << int(kind) << ", element " << at);
            auto wrong = right;
            wrong[at] = std::nan("");
            CHECK(std::isnan(sg::error_of(like, wrong, right)));
        }
    }
}
