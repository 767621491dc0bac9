#pragma once

#include <tuple>
#include <utility>

#include "kernels/cuda/cuda_context.h"

namespace sg {

namespace cuda {

/// Launches `kernel` (the address of a __global__ function). Throws Error(config.kernel) with grid,
/// block and shared memory if it cannot be launched.
void run(CudaContext& context, const Launch& config, const void* kernel, void** arguments);

}  // namespace cuda

/// Queues kernel(arguments...) on the context's stream.
template <class... Parameters, class... Arguments>
void launch(CudaContext& context, const Launch& config, void (*kernel)(Parameters...),
            Arguments... arguments) {
    check_arguments(config, arguments...);
    std::tuple<Parameters...> values{Parameters(arguments)...};
    std::apply(
        [&](auto&... each) {
            void* pointers[] = {const_cast<void*>(static_cast<const void*>(&each))..., nullptr};
            cuda::run(context, config, reinterpret_cast<const void*>(kernel), pointers);
        },
        values);
}

}  // namespace sg
