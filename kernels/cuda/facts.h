#pragma once

#include <cstddef>
#include <string>

namespace sg {

/// What a report of measurements says of a GPU. What the driver does not tell is 0 or "".
struct CudaFacts {
    std::string driver;                       ///< the CUDA version that it supports, "13.0"
    std::string runtime;                      ///< this build's
    int clock_mhz = 0, memory_clock_mhz = 0;  ///< the highest
    size_t l2_bytes = 0;
};
CudaFacts cuda_facts(int device);

}  // namespace sg
