#pragma once

#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "model/reference_step.h"

namespace sg {

/// What a parity file's metadata says.
struct ParityConfig {
    ModelConfig model;
    LossConfig loss;
    AdamOptions adam;
    double g_lr, d_lr;
    int batch, n_critic, iterations;
    bool full;
};

/// Throws Error if the file is not of format stargan-parity-1 or its configuration makes no sense.
ParityConfig read_config(const SafetensorsReader& file);

/// How two versions of a quantity are compared, and how far they may be apart when nothing is near
/// a kink (see `widen`). Images and gradients by ||a - b|| / ||b||. Weights by the same of their
/// movement since the start, because a plain norm would pass weights that were never updated; after
/// a free run by the largest difference in units of lr, as the files' README says.
enum class Kind { loss, late_loss, image, gradient, movement, free_weight };

struct Quantity {
    std::string name;
    Kind kind;
    std::vector<double> values;   ///< in the file's layout
    std::vector<double> initial;  ///< movement only: where it started
    double unit = 1;              ///< free_weight only: lr
};

/// The error of `a` against `b` in the measure of `like`.
double error_of(const Quantity& like, const std::vector<double>& a, const std::vector<double>& b);
const char* measure_of(Kind kind);

double base_tolerance(Kind kind, Precision precision);
/// What a tolerance may be widened to near a kink: still far from what a wrong formula gives.
double widest_tolerance(Kind kind);
/// From this iteration on, a free run has late losses.
inline constexpr int late_iteration = 8;

}  // namespace sg
