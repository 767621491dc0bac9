#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/parameters.h"
#include "train/config.h"
#include "train/data/dataset.h"

namespace sg {

// What the trainer writes and says around the training itself.

/// Creates the folder and writes config.toml, data.txt (summary and held-out items) and
/// samples/columns.txt; removes what a killed save left behind.
void prepare_run_folder(const std::filesystem::path& run, const TrainConfig& config,
                        const Dataset& data, const Split& split);

/// The data set's summary with the sizes of the split.
std::string data_report(const Dataset& data, const Split& split);

/// The first `count` of `items` that decode; the others are passed to `say`.
std::vector<int64_t> decodable_items(const Dataset& data, const std::vector<int64_t>& items,
                                     ImageSize size, int count,
                                     const std::function<void(const std::string&)>& say);

/// "D/loss_gp is nan" or "the gradient of D.conv1.weight is not finite"; "" if all is well.
struct NamedLoss {
    const char* name;
    double value;
};
std::string first_non_finite(const std::vector<NamedLoss>& losses, const std::string& network,
                             const Parameters& parameters, const std::vector<Tensor>& grads);

int64_t parameter_count(const Parameters& parameters);
std::string hours_minutes(double seconds);

}  // namespace sg
