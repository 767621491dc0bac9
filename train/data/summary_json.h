#pragma once

#include <nlohmann/json.hpp>

#include "train/data/dataset.h"

namespace sg {

/// A summary as packs keep it; every field, lossless.
nlohmann::json summary_to_json(const DataSummary& summary);
/// Throws nlohmann::json::exception if something is missing.
DataSummary summary_from_json(const nlohmann::json& json);

}  // namespace sg
