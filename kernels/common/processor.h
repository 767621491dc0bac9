#pragma once

#include <string>

namespace sg {

/// What the processor calls itself, e.g. "Intel(R) Xeon(R) Processor".
std::string cpu_model_name();
/// What convolves f32 and bf16 on the processor: oneDNN and its version, or the project's own
/// loops.
std::string convolution_library();
/// The widest vector extension that convolutions will use.
std::string cpu_isa_name();
/// Whether oneDNN has kernels for bf16 here. Where it has none, f32's compute it.
bool library_convolves_bf16();
/// Whether it multiplies bf16 matrices (AMX), and oneDNN makes use of that: several times f32's
/// rate, where vectors of bf16 reach half of it.
bool cpu_has_amx();

}  // namespace sg
