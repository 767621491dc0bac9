#include "train/data/summary_json.h"

namespace sg {

nlohmann::json summary_to_json(const DataSummary& s) {
    nlohmann::json skipped = nlohmann::json::array();
    for (const SkippedFile& file : s.skipped)
        skipped.push_back({file.path, file.reason, file.on_purpose});
    return {{"source", s.source},
            {"images", s.images},
            {"label_counts", s.label_counts},
            {"min_height", s.min_height},
            {"max_height", s.max_height},
            {"min_width", s.min_width},
            {"max_width", s.max_width},
            {"skipped_corrupt", s.skipped_corrupt},
            {"rows_without_image", s.rows_without_image},
            {"images_without_row", s.images_without_row},
            {"skipped_other", s.skipped_other},
            {"misnamed", s.misnamed},
            {"unused_part", s.unused_part},
            {"not_selected", s.not_selected},
            {"notes", s.notes},
            {"skipped", std::move(skipped)}};
}

DataSummary summary_from_json(const nlohmann::json& j) {
    DataSummary s;
    j.at("source").get_to(s.source);
    j.at("images").get_to(s.images);
    j.at("label_counts").get_to(s.label_counts);
    j.at("min_height").get_to(s.min_height);
    j.at("max_height").get_to(s.max_height);
    j.at("min_width").get_to(s.min_width);
    j.at("max_width").get_to(s.max_width);
    j.at("skipped_corrupt").get_to(s.skipped_corrupt);
    j.at("rows_without_image").get_to(s.rows_without_image);
    j.at("images_without_row").get_to(s.images_without_row);
    j.at("skipped_other").get_to(s.skipped_other);
    j.at("misnamed").get_to(s.misnamed);
    j.at("unused_part").get_to(s.unused_part);
    j.at("not_selected").get_to(s.not_selected);
    j.at("notes").get_to(s.notes);
    for (const auto& file : j.at("skipped"))
        s.skipped.push_back({file.at(0), file.at(1), file.at(2)});
    return s;
}

}  // namespace sg
