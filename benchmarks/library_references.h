#pragma once

#include <functional>
#include <type_traits>
#include <vector>

#include "benchmarks/onednn_reference.h"
#include "benchmarks/references.h"

namespace sg {

/// The context's library for `call`: oneDNN on the processor, cuDNN on a GPU, none on `sim`.
template <class Context>
std::vector<KernelReference> library_references(Context& context, const LibraryCall& call,
                                                const std::function<LibraryOperands()>& operands) {
    if constexpr (std::is_same_v<Context, CpuContext>)
        return {onednn_reference(context, call, operands)};
    if constexpr (has_libraries<Context>)
        return {cudnn_primitive_reference(context, call, operands)};
    return {};
}

}  // namespace sg
