#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "engine/fnv1a.h"
#include "engine/safetensors.h"

namespace sg {

using json = nlohmann::json;

uint64_t hash_text(const std::string& text, uint64_t start) {
    Fnv1a hash(start);
    hash.add(text.data(), text.size());
    return hash.value();
}

void SafetensorsWriter::add(const std::string& name, const Shape& shape,
                            std::vector<float> values) {
    require(int64_t(values.size()) == element_count(shape), "safetensors",
            "tensor {}: {} values for shape {}", name, values.size(), to_string(shape));
    items_.push_back({name, shape, std::move(values)});
}

uint64_t SafetensorsWriter::data_hash() const {
    Fnv1a hash;
    for (const Item& item : items_)
        hash.add(reinterpret_cast<const char*>(item.values.data()),
                 item.values.size() * sizeof(float));
    return hash.value();
}

void SafetensorsWriter::write(const std::filesystem::path& path,
                              const std::map<std::string, std::string>& metadata) const {
    json header = {{"__metadata__", metadata}};
    uint64_t offset = 0;
    for (const Item& item : items_) {
        const uint64_t end = offset + item.values.size() * sizeof(float);
        header[item.name] = {
            {"dtype", "F32"}, {"shape", item.shape}, {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data is aligned
    const uint64_t header_bytes = text.size();

    AtomicFile file(path);
    file.write(&header_bytes, 8);
    file.write(text.data(), text.size());
    for (const Item& item : items_)
        file.write(item.values.data(), item.values.size() * sizeof(float));
    file.commit();
}

}  // namespace sg
