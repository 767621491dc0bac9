#pragma once

#include <CLI/CLI.hpp>

#include "train/memory_plan.h"

namespace sg::tools {

/// Flags of `sg_info --plan`; the paper's configuration without them.
struct PlanOptions {
    bool wanted = false;
    ModelConfig model = {};
    int image_size = 128, labels = 5, batch_size = 16, architecture = 90;
};
/// Returns --plan itself.
CLI::Option* add_plan_options(CLI::App& app, PlanOptions& options);

/// Prints what training takes of a GPU's memory, by precision, with the fused and the reference
/// step.
void print_plan(const PlanOptions& options);

}  // namespace sg::tools
