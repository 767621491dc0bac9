#pragma once

#include <nlohmann/json_fwd.hpp>

#include "model/config.h"

namespace sg {

/// A model's configuration as a checkpoint's metadata has it. Reading throws nlohmann's exceptions
/// if keys are missing; those that old checkpoints lack have defaults.
nlohmann::json model_to_json(const ModelConfig& config);
ModelConfig model_from_json(const nlohmann::json& json);

}  // namespace sg
