#include "train/model_json.h"

#include <nlohmann/json.hpp>

namespace sg {

using json = nlohmann::json;

namespace {

json labels_to_json(const LabelLayout& layout) {
    json groups = json::array();
    for (const LabelGroup& group : layout.groups)
        groups.push_back(
            {{"name", group.name}, {"kind", to_string(group.kind)}, {"labels", group.names}});
    return groups;
}

}  // namespace

json model_to_json(const ModelConfig& m) {
    return {{"height", m.height},
            {"width", m.width},
            {"g_conv_dim", m.g_conv_dim},
            {"g_repeat_num", m.g_repeat_num},
            {"d_conv_dim", m.d_conv_dim},
            {"d_repeat_num", m.d_repeat_num},
            {"upsample", to_string(m.upsample)},
            {"label_groups", labels_to_json(m.labels)}};
}

ModelConfig model_from_json(const json& j) {
    ModelConfig m{.height = j.at("height"),
                  .width = j.at("width"),
                  .g_conv_dim = j.at("g_conv_dim"),
                  .g_repeat_num = j.at("g_repeat_num"),
                  .d_conv_dim = j.at("d_conv_dim"),
                  .d_repeat_num = j.at("d_repeat_num"),
                  .upsample = upsample_from_string(j.value("upsample", "deconv")),
                  .labels = {}};
    for (const json& group : j.at("label_groups"))
        m.labels.groups.push_back({.name = group.at("name"),
                                   .kind = label_kind_from_string(group.at("kind")),
                                   .names = group.at("labels")});
    return m;
}

}  // namespace sg
