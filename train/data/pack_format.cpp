#include "train/data/pack_format.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/fnv1a.h"
#include "kernels/common/error.h"
#include "train/data/summary_json.h"

namespace sg {
namespace {

using json = nlohmann::json;

constexpr const char* kOperation = "pack";
constexpr char kMagic[9] = "SGPACK\r\n";
static_assert(std::endian::native == std::endian::little, "packs are little-endian");

// Byte offsets in the preamble.
enum Field : size_t { version = 8, file_bytes = 16, index_begin = 24, json_bytes = 32, check = 40 };

void put(std::string& preamble, Field field, uint64_t value) {
    std::memcpy(preamble.data() + field, &value, sizeof value);
}

uint64_t get(std::span<const uint8_t> file, Field field) {
    uint64_t value;
    std::memcpy(&value, file.data() + field, sizeof value);
    return value;
}

uint64_t checksum(const char* preamble, const char* index, size_t index_bytes) {
    Fnv1a hash;
    hash.add(preamble, Field::check);
    hash.add(preamble + Field::check + 8, pack_preamble_bytes - Field::check - 8);
    hash.add(index, index_bytes);
    return hash.value();
}

std::string json_text(const PackIndex& index, size_t name_bytes) {
    json faults = json::array();
    for (size_t i = 0; i < index.findings.size(); ++i) {
        if (!index.findings[i].fault.empty()) faults.push_back({i, index.findings[i].fault});
    }
    const LabelGroup& group = index.list.group;
    const json j = {
        {"image_height", index.size.height},
        {"image_width", index.size.width},
        {"images", index.list.names.size()},
        {"crop", index.list.crop},
        {"source", index.source},
        {"place", index.place},
        {"content", index.content},
        {"group", {{"name", group.name}, {"kind", to_string(group.kind)}, {"labels", group.names}}},
        {"held_out", !index.list.held_out.empty()},
        {"name_bytes", name_bytes},
        {"summary", summary_to_json(index.list.summary)},
        {"faults", std::move(faults)}};
    // Paths need not be UTF-8. What is replaced here is for people to read.
    return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

template <class T>
void append(std::string& text, const std::vector<T>& values) {
    text.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

/// Takes one array after the other from the index.
class Sections {
  public:
    Sections(const std::string& path, std::span<const uint8_t> bytes)
        : path_(path), bytes_(bytes) {}

    template <class T>
    std::vector<T> take(size_t count) {
        require(count <= bytes_.size() / sizeof(T), kOperation,
                "{} is damaged: its index ends too early", path_);
        std::vector<T> values(count);
        if (count > 0) std::memcpy(values.data(), bytes_.data(), count * sizeof(T));
        bytes_ = bytes_.subspan(count * sizeof(T));
        return values;
    }
    size_t left() const { return bytes_.size(); }

  private:
    const std::string& path_;
    std::span<const uint8_t> bytes_;
};

std::vector<std::string> split_names(const std::vector<char>& bytes) {
    std::vector<std::string> names;
    for (auto at = bytes.begin(); at != bytes.end();) {
        const auto end = std::find(at, bytes.end(), '\0');
        names.emplace_back(at, end);
        at = end == bytes.end() ? end : end + 1;
    }
    return names;
}

void check_preamble(const std::string& path, std::span<const uint8_t> file) {
    require(file.size() >= sizeof kMagic - 1 && std::equal(kMagic, kMagic + 8, file.begin()),
            kOperation, "{} is no pack: it does not begin with SGPACK", path);
    require(file.size() >= pack_preamble_bytes, kOperation,
            "{} is truncated: {} bytes, a pack has at least {}", path, file.size(),
            pack_preamble_bytes);
    require(get(file, version) == pack_version, kOperation,
            "{} is of version {}, this program reads version {}", path, get(file, version),
            pack_version);
    require(get(file, file_bytes) == file.size(), kOperation,
            "{} is truncated or damaged: {} bytes, expected {}", path, file.size(),
            get(file, file_bytes));
    const uint64_t begin = get(file, index_begin);
    require(begin >= pack_preamble_bytes && begin <= file.size() &&
                get(file, json_bytes) <= file.size() - begin,
            kOperation, "{} is damaged: its index lies outside the file", path);
    const char* bytes = reinterpret_cast<const char*>(file.data());
    const uint64_t sum = checksum(bytes, bytes + begin, file.size() - begin);
    require(sum == get(file, check), kOperation,
            "{} is damaged: its index has checksum {:016x}, expected {:016x}", path, sum,
            get(file, check));
}

void read_sections(const std::string& path, std::span<const uint8_t> bytes, const json& j,
                   PackIndex& index) {
    const auto count = j.at("images").get<size_t>();
    Sections sections(path, bytes);
    index.checksums = sections.take<uint64_t>(count);
    const auto sides = sections.take<uint16_t>(2 * count);
    FileList& list = index.list;
    list.labels = sections.take<uint8_t>(count * list.group.names.size());
    list.held_out = sections.take<uint8_t>(j.at("held_out").get<bool>() ? count : 0);
    list.names = split_names(sections.take<char>(j.at("name_bytes").get<size_t>()));
    const json& faults = j.at("faults");
    index.findings.resize(count + faults.size());
    list.listed = int64_t(index.findings.size());
    for (const json& fault : faults) {
        fault.at(1).get_to(index.findings.at(fault.at(0).get<size_t>()).fault);
    }
    size_t image = 0;
    for (Finding& finding : index.findings) {
        if (!finding.fault.empty()) continue;
        require(image < count, kOperation, "{} is damaged: a fault is listed twice", path);
        finding.info = {sides[2 * image], sides[2 * image + 1]};
        list.places.push_back(&finding - index.findings.data());
        ++image;
    }
    require(list.names.size() == count && sections.left() == 0, kOperation,
            "{} is damaged: its index does not describe {} images", path, count);
}

void check_pixels(const std::string& path, const PackIndex& index, uint64_t bytes) {
    const auto [height, width] = index.size;
    require(height >= 1 && height <= pack_max_side && width >= 1 && width <= pack_max_side,
            kOperation, "{} is damaged: its images have {}x{} pixels, expected 1 to {} a side",
            path, height, width, pack_max_side);
    const uint64_t count = index.checksums.size(), image = pack_image_bytes(index.size);
    // Divided first, for a product that is too large could wrap round to what is expected.
    require(count <= bytes / image && count * image == bytes, kOperation,
            "{} is damaged: {} images of {}x{} pixels do not take {} bytes", path, count, height,
            width, bytes);
}

}  // namespace

size_t pack_image_bytes(ImageSize size) {
    return size_t(size.height) * size_t(size.width) * 3;
}

PackEnds encode_pack(const PackIndex& index) {
    const FileList& list = index.list;
    std::string names;
    for (const std::string& name : list.names) names.append(name.c_str(), name.size() + 1);
    std::vector<uint16_t> sides;
    for (const auto& [info, fault] : index.findings) {
        if (!fault.empty()) continue;
        sides.push_back(uint16_t(info.height));
        sides.push_back(uint16_t(info.width));
    }
    const std::string text = json_text(index, names.size());
    PackEnds ends{.preamble = std::string(pack_preamble_bytes, '\0'), .index = {}};
    append(ends.index, index.checksums);
    append(ends.index, sides);
    append(ends.index, list.labels);
    append(ends.index, list.held_out);
    ends.index += names + text;
    const uint64_t begin = pack_preamble_bytes + list.names.size() * pack_image_bytes(index.size);
    std::copy(kMagic, kMagic + 8, ends.preamble.begin());
    put(ends.preamble, version, pack_version);
    put(ends.preamble, file_bytes, begin + ends.index.size());
    put(ends.preamble, index_begin, begin);
    put(ends.preamble, json_bytes, text.size());
    put(ends.preamble, check, checksum(ends.preamble.data(), ends.index.data(), ends.index.size()));
    return ends;
}

PackIndex decode_pack(const std::string& path, std::span<const uint8_t> file) {
    check_preamble(path, file);
    const uint64_t begin = get(file, index_begin);
    const auto text = file.last(get(file, json_bytes));
    PackIndex index;
    try {
        const json j = json::parse(text.begin(), text.end());
        j.at("image_height").get_to(index.size.height);
        j.at("image_width").get_to(index.size.width);
        j.at("crop").get_to(index.list.crop);
        j.at("source").get_to(index.source);
        j.at("place").get_to(index.place);
        j.at("content").get_to(index.content);
        const json& group = j.at("group");
        index.list.group = {.name = group.at("name"),
                            .kind = label_kind_from_string(group.at("kind")),
                            .names = group.at("labels")};
        index.list.summary = summary_from_json(j.at("summary"));
        read_sections(path, file.subspan(begin, file.size() - begin - text.size()), j, index);
    } catch (const json::exception& error) {
        throw Error(kOperation, fmt::format("{} is damaged: {}", path, error.what()));
    } catch (const std::out_of_range&) {
        throw Error(kOperation, fmt::format("{} is damaged: a fault lies outside the list", path));
    }
    check_pixels(path, index, begin - pack_preamble_bytes);
    return index;
}

}  // namespace sg
