#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace sg {

/// What the last G step measured.
struct GeneratorMetrics {
    double fake = 0;      ///< adversarial loss
    double cls = 0;       ///< classification loss of fakes against their targets
    double rec = 0;       ///< L1 reconstruction
    double accuracy = 0;  ///< share of target labels that D's class head sees in the fakes
};

/// One line of metrics.jsonl: a D step and the last G step on one data set. Holds nothing that
/// depends on time or machine: two runs of one configuration write the same bytes.
struct Metrics {
    int64_t iteration = 0;
    int set = 0;                                         ///< data set of the step
    std::string data;                                    ///< its name, if there are several
    double d_real = 0, d_fake = 0, d_cls = 0, d_gp = 0;  ///< D's losses, unweighted
    std::optional<double> gradient_norm;  ///< WGAN-GP: mean ||dD/dx_hat||, pulled to 1
    double accuracy = 0;                  ///< share of real labels that D's class head gets right
    std::optional<GeneratorMetrics> g;    ///< of the last G step; none before the first
    double g_lr = 0, d_lr = 0;
};

std::string to_json_line(const Metrics& metrics);
/// The losses for people, e.g. "critic gap 1.23  |grad| 0.98  cls real 0.40 (85 %) ...".
std::string to_readable(const Metrics& metrics);

/// Appends to RUN/metrics.jsonl. On resume, lines after `iteration` (of a run that was killed
/// after its last checkpoint) are dropped first, atomically.
class MetricsFile {
  public:
    MetricsFile(const std::filesystem::path& run, int64_t resume_after);
    /// False if the line could not be written (disk full).
    bool append(const Metrics& metrics);

  private:
    std::filesystem::path path_;
    std::ofstream out_;
};

}  // namespace sg
