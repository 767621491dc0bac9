#include <limits>
#include <nlohmann/json.hpp>

#include "engine/safetensors.h"
#include "model/stargan.h"
#include "train/eval/classifier_training.h"

namespace sg {

namespace {

using json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* format_name = "stargan-classifier-1";

json to_json(const ClassifierConfig& c, Precision precision) {
    return {{"height", c.height},
            {"width", c.width},
            {"dim", c.dim},
            {"stages", c.stages},
            {"features", c.features},
            {"precision", to_string(precision)},
            {"name", c.labels.name},
            {"kind", to_string(c.labels.kind)},
            {"labels", c.labels.names}};
}

ClassifierConfig config_from_json(const json& j) {
    return {.height = j.at("height"),
            .width = j.at("width"),
            .labels = {.name = j.at("name"),
                       .kind = label_kind_from_string(j.at("kind")),
                       .names = j.at("labels")},
            .dim = j.at("dim"),
            .stages = j.at("stages"),
            .features = j.at("features")};
}

json to_json(const ClassifierReport& r) {
    return {{"accuracy", r.accuracy},     {"per_label", r.per_label}, {"majority", r.majority},
            {"trained_on", r.trained_on}, {"held_out", r.held_out},   {"final_loss", r.final_loss}};
}

ClassifierReport report_from_json(const json& j) {
    ClassifierReport r{.accuracy = j.at("accuracy"),
                       .per_label = {},
                       .majority = j.at("majority"),
                       .trained_on = j.at("trained_on"),
                       .held_out = j.at("held_out"),
                       .final_loss = j.at("final_loss")};
    for (const json& value : j.at("per_label"))  // JSON has no NaN: null
        r.per_label.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                              : value.get<double>());
    return r;
}

/// Over the tensors and everything the metadata says.
std::string checksum(uint64_t data_hash, const std::string& model, const std::string& report,
                     const std::string& fingerprint) {
    return fmt::format("{:016x}", hash_text(model + "\n" + report + "\n" + fingerprint, data_hash));
}

std::string metadata_value(const SafetensorsReader& file, const std::string& key) {
    const auto it = file.metadata().find(key);
    require(it != file.metadata().end(), "classifier", "{}: metadata has no '{}'",
            file.path().string(), key);
    return it->second;
}

void require_undamaged(const SafetensorsReader& file) {
    const auto format = file.metadata().find("format");
    require(format != file.metadata().end() && format->second == format_name, "classifier",
            "{}: format is {}, expected {}", file.path().string(),
            format == file.metadata().end() ? "missing" : format->second, format_name);
    const std::string computed =
        checksum(file.data_hash(), metadata_value(file, "model"), metadata_value(file, "report"),
                 metadata_value(file, "fingerprint"));
    require(computed == metadata_value(file, "checksum"), "classifier",
            "{}: does not match its checksum: the file is damaged", file.path().string());
}

void load_weights(const SafetensorsReader& file, Parameters& parameters) {
    for (size_t i = 0; i < parameters.entries().size(); ++i) {
        const auto& entry = parameters.entries()[i];
        const Shape &stored = file.entry(entry.name).shape, wanted = file_shape(entry.shape);
        require(stored == wanted, "classifier", "{}: {} has shape {}, expected {}",
                file.path().string(), entry.name, to_string(stored), to_string(wanted));
        const std::vector<float> values = file.read_f32(entry.name);
        parameters.assign(i, std::span<const float>(from_file_layout<float>(
                                 entry.shape, std::span<const float>(values))));
    }
}

}  // namespace

void save_classifier(const fs::path& path, const Classifier& network,
                     const ClassifierReport& report, const std::string& fingerprint) {
    SafetensorsWriter file;
    const Parameters& parameters = network.parameters();
    for (size_t i = 0; i < parameters.entries().size(); ++i)
        file.add(parameters.entries()[i].name, file_shape(parameters.entries()[i].shape),
                 to_file_layout(parameters.tensors()[i]));
    const std::string model = to_json(network.config(), network.precision()).dump();
    const std::string report_text = to_json(report).dump();
    file.write(path, {{"format", format_name},
                      {"model", model},
                      {"report", report_text},
                      {"fingerprint", fingerprint},
                      {"checksum", checksum(file.data_hash(), model, report_text, fingerprint)}});
}

std::optional<TrainedClassifier> load_classifier(Device& device, const fs::path& path,
                                                 const std::string& fingerprint) {
    if (!fs::exists(path)) return std::nullopt;
    const SafetensorsReader file(path);
    require_undamaged(file);
    if (metadata_value(file, "fingerprint") != fingerprint) return std::nullopt;
    TrainedClassifier result;
    try {
        const json model = json::parse(metadata_value(file, "model"));
        result.report = report_from_json(json::parse(metadata_value(file, "report")));
        result.network = std::make_unique<Classifier>(device, config_from_json(model),
                                                      precision_from_string(model.at("precision")));
    } catch (const json::exception& error) {
        throw Error("classifier",
                    fmt::format("{}: damaged metadata: {}", path.string(), error.what()));
    }
    load_weights(file, result.network->parameters());
    return result;
}

}  // namespace sg
