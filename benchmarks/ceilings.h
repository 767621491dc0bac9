#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sg {

/// What the device does at best, measured by what does nothing else.
struct Ceiling {
    std::string name;  ///< copy, cached copy, matrix product f32, tf32, bf16
    std::string what;  ///< sizes, and by what it was done
    double value = 0;
    /// TB/s (each byte counted where it is read and where it is written), TFLOP/s
    std::string unit;
    std::string missing = {};  ///< why it could not be measured; then there is no value
};

/// The best of `repeats`. On cuda: copies between buffers far larger than the L2 cache and between
/// such as fit it, products of 9216 x 9216 matrices by cuBLAS. On cpu: copies of 256 MiB by all
/// threads and of 256 KiB by each, products of 1024 x 1024 by the CPU's convolution. Throws Error
/// for another device.
std::vector<Ceiling> measure_ceilings(const std::string& device, int threads, int repeats = 20);

std::vector<Ceiling> ceilings_from_json(const nlohmann::json& rows);
nlohmann::json to_json(const std::vector<Ceiling>& ceilings);

}  // namespace sg
