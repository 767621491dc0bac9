// The configuration as TOML and JSON; what it means is in config.cpp.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "train/config.h"

namespace sg {

namespace {

std::string key_of(std::string name) {
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

/// Stores a TOML value; false if it has the wrong type.
struct Assign {
    const toml::node& node;

    bool operator()(int* target) const {
        const auto value = node.value_exact<int64_t>();
        if (!value || *value != int64_t(int(*value))) return false;
        *target = int(*value);
        return true;
    }
    bool operator()(double* target) const {
        const auto value = node.value<double>();  // an integer is fine
        if (value) *target = *value;
        return value.has_value();
    }
    bool operator()(bool* target) const {
        const auto value = node.value_exact<bool>();
        if (value) *target = *value;
        return value.has_value();
    }
    bool operator()(std::string* target) const {
        if (const auto value = node.value_exact<std::string>()) {
            *target = *value;
            return true;
        }
        const auto number = node.value_exact<int64_t>();  // image_size = 128
        if (number) *target = std::to_string(*number);
        return number.has_value();
    }
    bool operator()(std::vector<std::string>* target) const {
        const toml::array* array = node.as_array();
        if (!array) return false;
        std::vector<std::string> values;
        for (const toml::node& item : *array) {
            const auto value = item.value_exact<std::string>();
            if (!value) return false;
            values.push_back(*value);
        }
        *target = values;
        return true;
    }
};

const char* type_name(const ConfigOption::Target& target) {
    constexpr const char* names[] = {"an integer", "a number", "true or false", "a string",
                                     "an array of strings"};
    return names[target.index()];
}

std::string toml_value(const ConfigOption::Target& target) {
    std::ostringstream out;
    const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
    if (const auto* value = std::get_if<int*>(&target)) out << **value;
    if (const auto* value = std::get_if<double*>(&target)) {
        const std::string text = fmt::format("{}", **value);  // shortest that reads back exactly
        const bool has_point = text.find_first_of(".en") != std::string::npos;
        out << text << (has_point ? "" : ".0");
    }
    if (const auto* value = std::get_if<bool*>(&target)) out << (**value ? "true" : "false");
    if (const auto* value = std::get_if<std::string*>(&target)) out << quoted(**value);
    if (const auto* value = std::get_if<std::vector<std::string>*>(&target)) {
        for (const auto& item : **value) out << (out.tellp() ? ", " : "[") << quoted(item);
        out << (out.tellp() ? "]" : "[]");
    }
    return out.str();
}

}  // namespace

void apply_toml_file(TrainConfig& config, const std::string& path) {
    toml::table table;
    try {
        table = toml::parse_file(path);
    } catch (const toml::parse_error& error) {
        throw Error("config", fmt::format("{}:{}: {}", path, error.source().begin.line,
                                          std::string(error.description())));
    }
    const auto options = config_options(config);
    for (const auto& [key, node] : table) {
        const std::string name(key.str());
        const auto option = std::find_if(options.begin(), options.end(), [&](const auto& o) {
            const auto is = [&](const std::string& n) { return key_of(n) == key_of(name); };
            return is(o.name) || std::any_of(o.aliases.begin(), o.aliases.end(), is);
        });
        require(option != options.end(), "config", "{}:{}: unknown setting '{}'", path,
                node.source().begin.line, name);
        require(std::visit(Assign{node}, option->target), "config", "{}:{}: {} must be {}", path,
                node.source().begin.line, name, type_name(option->target));
    }
}

std::string to_toml(const TrainConfig& config) {
    TrainConfig copy = config;
    std::string text, group;
    for (const ConfigOption& option : config_options(copy)) {
        if (option.group != group)
            text += fmt::format("{}# {}\n", text.empty() ? "" : "\n", group = option.group);
        text += fmt::format("{} = {}\n", key_of(option.name), toml_value(option.target));
    }
    return text;
}

std::string to_json(const TrainConfig& config) {
    TrainConfig copy = config;
    nlohmann::json json;
    for (const ConfigOption& option : config_options(copy)) {
        const bool result_depends = std::string(option.group) != "Run" ||
                                    option.name == "precision" || option.name == "step";
        const bool speed_only = option.name == "num-workers" || option.name == "cache-mb" ||
                                option.name == "packs" || option.name == "resident";
        if (!result_depends || speed_only) continue;
        std::visit([&](const auto* value) { json[key_of(option.name)] = *value; }, option.target);
    }
    return json.dump();
}

TrainConfig config_from_json(const std::string& text) {
    TrainConfig config;
    try {
        const auto json = nlohmann::json::parse(text);
        for (const ConfigOption& option : config_options(config)) {
            const auto found = json.find(key_of(option.name));
            if (found == json.end()) continue;
            std::visit([&](auto* value) { found->get_to(*value); }, option.target);
        }
    } catch (const nlohmann::json::exception& error) {
        throw Error("config", fmt::format("settings cannot be read: {}", error.what()));
    }
    return config;
}

std::string describe_changes(const std::string& before, const std::string& after) {
    const auto a = nlohmann::json::parse(before, nullptr, false);
    const auto b = nlohmann::json::parse(after);
    std::string changes;
    for (const auto& [key, value] : b.items()) {
        const std::string old = a.is_object() && a.contains(key) ? a[key].dump() : "?";
        if (old != value.dump())
            changes +=
                fmt::format("{}{}: {} -> {}", changes.empty() ? "" : ", ", key, old, value.dump());
    }
    return changes;
}

bool is_utf8(const std::string& text) {
    try {
        nlohmann::json(text).dump();
        return true;
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

}  // namespace sg
