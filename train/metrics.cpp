#include "train/metrics.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "kernels/common/error.h"

namespace sg {

std::string to_json_line(const Metrics& m) {
    nlohmann::ordered_json json = {{"iteration", m.iteration}};
    if (!m.data.empty()) json["data"] = m.data;
    json["D/loss_real"] = m.d_real;
    json["D/loss_fake"] = m.d_fake;
    json["D/loss_cls"] = m.d_cls;
    json["D/loss_gp"] = m.d_gp;
    if (m.gradient_norm) {  // WGAN-GP
        json["D/critic_gap"] = -(m.d_real + m.d_fake);
        json["D/gradient_norm"] = *m.gradient_norm;
    }
    json["D/accuracy"] = m.accuracy;
    if (m.g) {
        json["G/loss_fake"] = m.g->fake;
        json["G/loss_rec"] = m.g->rec;
        json["G/loss_cls"] = m.g->cls;
        json["G/accuracy"] = m.g->accuracy;
    }
    json["G/lr"] = m.g_lr;
    json["D/lr"] = m.d_lr;
    return json.dump();
}

std::string to_readable(const Metrics& m) {
    std::string text = m.data.empty() ? "" : m.data + ": ";
    text += m.gradient_norm ? fmt::format("critic gap {:7.3f}  grad norm {:5.3f}",
                                          -(m.d_real + m.d_fake), *m.gradient_norm)
                            : fmt::format("D real {:6.3f}  D fake {:6.3f}", m.d_real, m.d_fake);
    text += fmt::format("  D cls {:6.3f} ({:3.0f} %)", m.d_cls, 100 * m.accuracy);
    if (m.g)
        text += fmt::format("  G adv {:7.3f}  G cls {:6.3f} ({:3.0f} %)  rec {:6.4f}", m.g->fake,
                            m.g->cls, 100 * m.g->accuracy, m.g->rec);
    return text;
}

MetricsFile::MetricsFile(const std::filesystem::path& run, int64_t resume_after)
    : path_(run / "metrics.jsonl") {
    std::ifstream in(path_);
    std::string kept;
    for (std::string line; std::getline(in, line);) {
        const auto json = nlohmann::json::parse(line, nullptr, false);  // the last may be cut off
        const bool numbered =
            json.is_object() && json.contains("iteration") && json["iteration"].is_number_integer();
        if (numbered && json["iteration"] > 0 && json["iteration"] <= resume_after)
            kept += line + "\n";
    }
    in.close();
    AtomicFile file(path_);
    file.write(kept);
    file.commit();
    out_.open(path_, std::ios::app);
    require(out_.good(), "metrics", "cannot append to {}", path_.string());
}

bool MetricsFile::append(const Metrics& metrics) {
    std::error_code error;
    const auto before = std::filesystem::file_size(path_, error);
    out_.clear();
    out_ << to_json_line(metrics) << std::endl;
    if (out_.good()) return true;
    // Half a line (the disk is full) would be glued to the next one.
    if (!error) std::filesystem::resize_file(path_, before, error);
    return false;
}

}  // namespace sg
