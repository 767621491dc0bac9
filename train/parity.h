#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/fused_step.h"

namespace sg {

/// One quantity of a parity file against what was computed.
struct ParityCheck {
    std::string name;  ///< "it0.grad.D.main.0.weight", "final.G"
    double error = 0;  ///< see `measure`
    double tolerance = 0;
    const char* measure = "";  ///< what `error` is
    bool widened = false;      ///< the quantity is within rounding of a kink, see parity.cpp
    bool passed() const { return error <= tolerance; }  // false for NaN
};

/// Replays a frozen run (format stargan-parity-1) with either step and compares everything the
/// file holds. Throws Error if the file is not of this format, or holds a tensor that no rule here
/// compares: nothing is skipped silently.
std::vector<ParityCheck> run_parity(const std::filesystem::path& file, Device& device,
                                    Precision precision, StepKind step = StepKind::fused);

}  // namespace sg
