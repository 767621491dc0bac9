#include "train/data/source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include <fmt/ranges.h>

#include "kernels/common/error.h"
#include "train/data/celeba.h"

namespace sg {
namespace {

constexpr std::array kKinds = {"synth", "celeba", "folders", "rafd", "csv", "pack"};
constexpr const char* kKeys = "name, test, attr, crop, align, partition, labels, angles";

[[noreturn]] void refuse(const std::string& text, const std::string& fact) {
    throw Error("data", fmt::format("'{}': {}", text, fact),
                "expected KIND:PLACE[,KEY=VALUE...], e.g. celeba:data/celeba,crop=178");
}

std::vector<std::string> split_plus(const std::string& text) {
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find('+', begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

int number(const std::string& text, const std::string& key, const std::string& value) {
    int result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc() || end != value.data() + value.size() || result < -1)
        refuse(text, fmt::format("{} is '{}', expected a number of pixels or degrees", key, value));
    return result;
}

bool yes_or_no(const std::string& text, const std::string& key, const std::string& value) {
    if (value != "true" && value != "false")
        refuse(text, fmt::format("{} is '{}', expected true or false", key, value));
    return value == "true";
}

void set(DataSource& source, const std::string& text, const std::string& key,
         const std::string& value) {
    if (value.empty()) refuse(text, key + " has no value");
    if (key == "name") {
        if (value.find_first_of(",=/") != std::string::npos)  // "faces,crp=0" has a key misspelt
            refuse(text, fmt::format("name is '{}', expected one without , = and /", value));
        source.name = value;
    } else if (key == "test") {
        source.test = value;
    } else if (key == "attr") {
        source.attr = value;
    } else if (key == "crop") {
        source.crop = number(text, key, value);
    } else if (key == "align") {
        source.align = yes_or_no(text, key, value);
    } else if (key == "partition") {
        source.partition = yes_or_no(text, key, value);
    } else if (key == "labels") {
        source.labels = split_plus(value);
    } else {
        for (const std::string& angle : split_plus(value))
            source.angles.push_back(number(text, key, angle));
    }
}

bool is_key(const std::string& text) {
    constexpr std::array keys = {"name",  "test",      "attr",   "crop",
                                 "align", "partition", "labels", "angles"};
    return std::find(keys.begin(), keys.end(), text) != keys.end();
}

/// Where the place ends: before the first ",KEY=". A comma of a path is no end.
size_t end_of_place(const std::string& text) {
    for (size_t comma = text.find(','); comma != std::string::npos;
         comma = text.find(',', comma + 1)) {
        const size_t equals = text.find('=', comma);
        if (equals == std::string::npos) break;
        if (is_key(text.substr(comma + 1, equals - comma - 1))) return comma;
    }
    return text.size();
}

}  // namespace

std::string kind_of_place(const std::string& place) {
    namespace fs = std::filesystem;
    require(fs::exists(place), "data", "{} does not exist", place);
    if (!fs::is_directory(place)) return fs::path(place).extension() == ".sgpack" ? "pack" : "csv";
    if (!find_celeba(place, {}).attributes.empty()) return "celeba";
    for (const auto& entry : fs::directory_iterator(place))
        if (entry.path().filename().string().starts_with("Rafd")) return "rafd";
    return "folders";
}

DataSource parse_data_source(const std::string& text) {
    DataSource source;
    const size_t place_end = end_of_place(text), colon = text.find(':');
    const std::string head = text.substr(0, place_end), kind = head.substr(0, head.find(':'));
    // A folder may be called celeba; only built-in faces need no place.
    const bool is_kind = std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
    if (is_kind && (colon < place_end || kind == "synth")) {
        source.kind = kind;
        if (colon < place_end) source.place = head.substr(colon + 1);
    } else {
        source.place = head;
    }
    if (source.kind == "synth" && source.place.empty()) source.place = "attributes";
    if (source.place.empty()) refuse(text, "names no place");
    if (source.kind == "synth" && source.place != "attributes" && source.place != "expressions")
        refuse(text, "built-in faces are synth:attributes or synth:expressions");
    for (size_t at = place_end; at < text.size();) {
        // A value lasts to the next ",KEY=", so it may hold commas itself.
        const size_t equals = text.find('=', at);
        const std::string key = text.substr(at + 1, std::min(equals, text.size()) - at - 1);
        if (equals == std::string::npos || !is_key(key))
            refuse(text, fmt::format("'{}' is not one of {}", key, kKeys));
        const std::string rest = text.substr(equals + 1);
        const size_t length = end_of_place(rest);
        set(source, text, key, rest.substr(0, length));
        at = equals + 1 + length;
    }
    return source;
}

std::string to_string(const DataSource& source) {
    std::string text = source.kind.empty() ? source.place : source.kind + ":" + source.place;
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) text += fmt::format(",{}={}", key, value);
    };
    add("name", source.name);
    add("test", source.test);
    add("attr", source.attr);
    if (source.crop >= 0) add("crop", std::to_string(source.crop));
    if (source.align) add("align", "true");
    if (!source.partition) add("partition", "false");
    add("labels", fmt::format("{}", fmt::join(source.labels, "+")));
    add("angles", fmt::format("{}", fmt::join(source.angles, "+")));
    return text;
}

}  // namespace sg
