#pragma once

#include "benchmarks/kernel_family.h"
#include "kernels/common/library_call.h"

namespace sg {

/// oneDNN's primitive for `call`, built once for the context's threads; or why there is none.
/// Operands are asked for at every run: they rotate (device_memory.h).
KernelReference onednn_reference(const CpuContext& context, const LibraryCall& call,
                                 const std::function<LibraryOperands()>& operands);

}  // namespace sg
