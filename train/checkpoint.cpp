#include "train/checkpoint.h"

#include <nlohmann/json.hpp>

#include "engine/safetensors.h"
#include "train/model_json.h"

namespace sg {

namespace {

using json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* format_name = "stargan-checkpoint-2";

json metrics_to_json(const std::optional<GeneratorMetrics>& g) {
    if (!g) return nullptr;
    return {{"fake", g->fake}, {"cls", g->cls}, {"rec", g->rec}, {"accuracy", g->accuracy}};
}

std::optional<GeneratorMetrics> metrics_from_json(const json& g) {
    if (g.is_null()) return std::nullopt;
    return GeneratorMetrics{
        .fake = g.at("fake"), .cls = g.at("cls"), .rec = g.at("rec"), .accuracy = g.at("accuracy")};
}

void add_network(SafetensorsWriter& file, const std::string& prefix, const Parameters& p) {
    for (size_t i = 0; i < p.entries().size(); ++i) {
        const auto& entry = p.entries()[i];
        const Shape shape = file_shape(entry.shape);
        file.add(prefix + entry.name, shape, to_file_layout(p.value(i)));
        if (!p.has_moments()) continue;
        file.add("adam.m." + prefix + entry.name, shape, to_file_layout(p.first_moment(i)));
        file.add("adam.v." + prefix + entry.name, shape, to_file_layout(p.second_moment(i)));
    }
}

std::string metadata_value(const SafetensorsReader& file, const std::string& key) {
    const auto it = file.metadata().find(key);
    require(it != file.metadata().end(), "checkpoint", "{}: metadata has no '{}'",
            file.path().string(), key);
    return it->second;
}

/// Over the tensors and everything the metadata says.
std::string checksum(uint64_t data_hash, const std::string& model, const std::string& state,
                     const std::string& settings) {
    return fmt::format("{:016x}", hash_text(model + "\n" + state + "\n" + settings, data_hash));
}

void require_undamaged(const SafetensorsReader& file) {
    const std::string computed =
        checksum(file.data_hash(), metadata_value(file, "model"), metadata_value(file, "state"),
                 metadata_value(file, "settings"));
    require(computed == metadata_value(file, "checksum"), "checkpoint",
            "{}: does not match its checksum: the file is damaged", file.path().string());
}

void require_checkpoint(const SafetensorsReader& file) {
    const auto it = file.metadata().find("format");
    require(it != file.metadata().end() && it->second == format_name, "checkpoint",
            "{}: format is {}, expected {}", file.path().string(),
            it == file.metadata().end() ? "missing" : it->second, format_name);
}

void load_network(const SafetensorsReader& file, const std::string& prefix, Parameters& p,
                  LoadMoments moments) {
    const auto read = [&](const std::string& name, const Shape& shape) {
        const Shape& stored = file.entry(name).shape;
        require(stored == file_shape(shape), "checkpoint", "{}: {} has shape {}, expected {}",
                file.path().string(), name, to_string(stored), to_string(file_shape(shape)));
        const auto values = file.read_f32(name);
        return from_file_layout<float>(shape, std::span<const float>(values));
    };
    for (size_t i = 0; i < p.entries().size(); ++i) {
        const auto& entry = p.entries()[i];
        p.assign(i, std::span<const float>(read(prefix + entry.name, entry.shape)));
        if (moments == LoadMoments::no) continue;
        const auto m = read("adam.m." + prefix + entry.name, entry.shape);
        const auto v = read("adam.v." + prefix + entry.name, entry.shape);
        p.first_moment(i).assign(m);
        p.second_moment(i).assign(v);
    }
}

}  // namespace

void save_checkpoint(const fs::path& path, const StarGan& model, const CheckpointInfo& info) {
    SafetensorsWriter file;
    add_network(file, "G.", model.G.parameters());
    add_network(file, "D.", model.D.parameters());
    if (model.G_ema) add_network(file, "G_ema.", model.G_ema->parameters());
    json state = {{"iteration", info.iteration},   {"g_updates", model.g_updates},
                  {"d_updates", model.d_updates},  {"seed", info.seed},
                  {"crop_sizes", info.crop_sizes}, {"ema", model.ema},
                  {"held_out", info.held_out},     {"last_g", json::array()}};
    for (const auto& g : info.last_g) state["last_g"].push_back(metrics_to_json(g));
    const std::string model_text = model_to_json(info.model).dump(), state_text = state.dump();
    file.write(path,
               {{"format", format_name},
                {"model", model_text},
                {"state", state_text},
                {"settings", info.settings},
                {"checksum", checksum(file.data_hash(), model_text, state_text, info.settings)}});
}

namespace {

CheckpointInfo parse_info(const SafetensorsReader& file) {
    require_checkpoint(file);
    CheckpointInfo info;
    try {
        info.model = model_from_json(json::parse(metadata_value(file, "model")));
        const json state = json::parse(metadata_value(file, "state"));
        info.iteration = state.at("iteration");
        info.g_updates = state.at("g_updates");
        info.d_updates = state.at("d_updates");
        info.seed = state.at("seed");
        info.ema = state.value("ema", 0.0);
        info.crop_sizes = state.at("crop_sizes").get<std::vector<int>>();
        info.held_out = state.value("held_out", std::vector<std::string>{});
        for (const json& g : state.at("last_g")) info.last_g.push_back(metrics_from_json(g));
    } catch (const json::exception& error) {
        throw Error("checkpoint",
                    fmt::format("{}: damaged metadata: {}", file.path().string(), error.what()));
    }
    info.settings = metadata_value(file, "settings");
    return info;
}

}  // namespace

CheckpointInfo read_checkpoint_info(const fs::path& path) {
    return parse_info(SafetensorsReader(path));
}

void require_undamaged_checkpoint(const fs::path& path) {
    const SafetensorsReader file(path);
    parse_info(file);
    require_undamaged(file);
}

void load_checkpoint(const fs::path& path, StarGan& model, LoadMoments moments) {
    const SafetensorsReader file(path);
    const CheckpointInfo info = parse_info(file);
    require_same_model(path, info.model, model.config);
    require_undamaged(file);
    load_network(file, "G.", model.G.parameters(), moments);
    load_network(file, "D.", model.D.parameters(), moments);
    if (model.G_ema && info.ema > 0)
        load_network(file, "G_ema.", model.G_ema->parameters(), LoadMoments::no);
    else if (model.G_ema)
        model.G_ema->parameters().copy_values(model.G.parameters());
    model.g_updates = info.g_updates;
    model.d_updates = info.d_updates;
}

void require_same_model(const fs::path& path, const ModelConfig& in_file,
                        const ModelConfig& wanted) {
    const json a = model_to_json(in_file), b = model_to_json(wanted);
    std::string differences;
    for (const auto& [key, value] : a.items())
        if (value != b.at(key))
            differences +=
                fmt::format("{}{} is {} in the checkpoint, {} wanted",
                            differences.empty() ? "" : "; ", key, value.dump(), b.at(key).dump());
    require(differences.empty(), "checkpoint", "{}: {}", path.string(), differences);
}

}  // namespace sg
