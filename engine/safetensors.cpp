#include "engine/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/fnv1a.h"

namespace sg {

static_assert(std::endian::native == std::endian::little, "the format is little endian");

namespace {

using json = nlohmann::json;

uint64_t bytes_of(const std::string& dtype) {
    if (dtype == "F64") return 8;
    if (dtype == "F32") return 4;
    return dtype == "BF16" || dtype == "F16" ? 2 : 0;
}

float half_to_float(uint16_t half) {
    const uint32_t sign = uint32_t(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1Fu, mantissa = half & 0x3FFu;
    if (exponent == 0) {  // zero or subnormal: mantissa 2^-24
        const float value = float(mantissa) * 0x1p-24f;
        return sign ? -value : value;
    }
    const uint32_t bits = exponent == 31 ? 0x7F800000u | (mantissa << 13)
                                         : ((exponent + 112) << 23) | (mantissa << 13);
    return std::bit_cast<float>(sign | bits);
}

template <class To, class Stored, class Convert>
std::vector<To> convert(const std::string& bytes, Convert to_value) {
    std::vector<To> result(bytes.size() / sizeof(Stored));
    for (size_t i = 0; i < result.size(); ++i) {
        Stored stored;
        std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
        result[i] = To(to_value(stored));
    }
    return result;
}

template <class To>
std::vector<To> decode(const std::string& dtype, const std::string& bytes) {
    if (dtype == "F32") return convert<To, float>(bytes, [](float v) { return v; });
    if (dtype == "F64") return convert<To, double>(bytes, [](double v) { return v; });
    if (dtype == "F16") return convert<To, uint16_t>(bytes, half_to_float);
    return convert<To, bf16>(bytes, [](bf16 v) { return float(v); });
}

template <class... Args>
[[noreturn]] void refuse(const std::filesystem::path& path, fmt::format_string<Args...> reason,
                         Args&&... args) {
    throw Error("safetensors", fmt::format("{}: {}", path.string(),
                                           fmt::format(reason, std::forward<Args>(args)...)));
}

SafetensorsEntry parse_entry(const std::filesystem::path& path, const std::string& name,
                             const json& value, uint64_t data_bytes) {
    SafetensorsEntry entry;
    try {
        entry.dtype = value.at("dtype").get<std::string>();
        for (const json& extent : value.at("shape")) {
            if (!extent.is_number_unsigned()) refuse(path, "tensor {}: bad shape", name);
            entry.shape.push_back(extent.get<int64_t>());
        }
        const auto& offsets = value.at("data_offsets");
        if (offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
            !offsets[1].is_number_unsigned())
            refuse(path, "tensor {}: data_offsets must be two numbers", name);
        entry.begin = offsets[0], entry.end = offsets[1];
    } catch (const json::exception& error) {
        refuse(path, "tensor {}: {}", name, error.what());
    }
    if (bytes_of(entry.dtype) == 0)
        refuse(path, "tensor {}: type {} is not one of F32, F64, BF16, F16", name, entry.dtype);
    if (entry.begin > entry.end || entry.end > data_bytes)
        refuse(path, "tensor {}: bytes {} to {} of a data section of {}", name, entry.begin,
               entry.end, data_bytes);
    uint64_t bytes = bytes_of(entry.dtype);
    for (int64_t extent : entry.shape)
        if (extent < 0 || __builtin_mul_overflow(bytes, uint64_t(extent), &bytes))
            refuse(path, "tensor {}: shape {} is impossible", name, to_string(entry.shape));
    if (bytes != entry.end - entry.begin)
        refuse(path, "tensor {}: {} {} needs {} bytes, has {}", name, entry.dtype,
               to_string(entry.shape), bytes, entry.end - entry.begin);
    return entry;
}

}  // namespace

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path) : path_(path) {
    std::error_code error;
    const uint64_t file_bytes = std::filesystem::file_size(path, error);
    if (error) refuse(path, "{}", error.message());
    if (file_bytes < 8) refuse(path, "{} bytes are too few for a header", file_bytes);
    const std::string prefix = read_bytes(0, 8);
    uint64_t header_bytes;
    std::memcpy(&header_bytes, prefix.data(), 8);
    constexpr uint64_t largest_header = 100'000'000;  // as the reference implementation
    if (header_bytes > file_bytes - 8 || header_bytes > largest_header)
        refuse(path, "header of {} bytes in a file of {}: not a safetensors file, or cut off",
               header_bytes, file_bytes);
    const std::string header = read_bytes(8, 8 + header_bytes);
    data_start_ = 8 + header_bytes;
    data_bytes_ = file_bytes - data_start_;
    parse_header(header);
    check_coverage();
}

void SafetensorsReader::parse_header(const std::string& text) {
    std::set<std::string> seen;
    json header;
    try {
        header = json::parse(text, [&](int depth, json::parse_event_t event, json& value) {
            if (event == json::parse_event_t::key && depth == 1 &&
                !seen.insert(value.get<std::string>()).second)
                refuse(path_, "{} appears twice", value.get<std::string>());
            return true;
        });
        if (!header.is_object()) refuse(path_, "the header is not a JSON object");
        if (header.contains("__metadata__"))
            metadata_ = header["__metadata__"].get<std::map<std::string, std::string>>();
    } catch (const json::exception& error) {
        refuse(path_, "the header is not valid: {}", error.what());
    }
    for (const auto& [name, value] : header.items())
        if (name != "__metadata__") entries_[name] = parse_entry(path_, name, value, data_bytes_);
}

void SafetensorsReader::check_coverage() const {
    std::vector<std::pair<const std::string*, const SafetensorsEntry*>> order;
    for (const auto& [name, entry] : entries_) order.emplace_back(&name, &entry);
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
        return std::pair(a.second->begin, a.second->end) <
               std::pair(b.second->begin, b.second->end);
    });
    uint64_t covered = 0;
    for (const auto& [name, entry] : order) {
        if (entry->begin != covered)
            refuse(path_, "tensor {} starts at byte {}, {} at byte {}", *name, entry->begin,
                   entry->begin < covered ? "overlapping the one that ends" : "after a hole",
                   covered);
        covered = entry->end;
    }
    if (covered != data_bytes_)
        refuse(path_, "tensors end at byte {}, the data section at {}", covered, data_bytes_);
}

std::string SafetensorsReader::read_bytes(uint64_t begin, uint64_t end) const {
    std::ifstream file(path_, std::ios::binary);
    std::string bytes(end - begin, '\0');
    file.seekg(std::streamoff(begin));
    if (!file.read(bytes.data(), std::streamsize(bytes.size())))
        refuse(path_, "cannot read bytes {} to {}", begin, end);
    return bytes;
}

const SafetensorsEntry& SafetensorsReader::entry(const std::string& name) const {
    const auto it = entries_.find(name);
    if (it == entries_.end()) refuse(path_, "has no tensor {}", name);
    return it->second;
}

std::vector<float> SafetensorsReader::read_f32(const std::string& name) const {
    const auto& e = entry(name);
    return decode<float>(e.dtype, read_bytes(data_start_ + e.begin, data_start_ + e.end));
}

std::vector<double> SafetensorsReader::read_f64(const std::string& name) const {
    const auto& e = entry(name);
    return decode<double>(e.dtype, read_bytes(data_start_ + e.begin, data_start_ + e.end));
}

uint64_t SafetensorsReader::data_hash() const {
    Fnv1a hash;
    constexpr uint64_t piece = uint64_t{16} << 20;
    for (uint64_t at = 0; at < data_bytes_; at += piece) {
        const auto bytes =
            read_bytes(data_start_ + at, data_start_ + std::min(at + piece, data_bytes_));
        hash.add(bytes.data(), bytes.size());
    }
    return hash.value();
}

}  // namespace sg
