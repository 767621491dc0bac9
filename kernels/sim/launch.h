#pragma once

#include <tuple>

#include "kernels/sim/sim_context.h"
#include "kernels/sim/thread.h"

namespace sg {

namespace sim {

/// Checks the launch against the device's limits and runs all its blocks.
void run(SimContext& context, const Launch& launch, void (*call)(const void*),
         const void* arguments);

}  // namespace sim

/// Runs kernel(arguments...) on the simulated device; the counterpart of the CUDA launch.
template <class... Parameters, class... Arguments>
void launch(SimContext& context, const Launch& config, void (*kernel)(Parameters...),
            Arguments... arguments) {
    check_arguments(config, arguments...);
    using Call = std::pair<void (*)(Parameters...), std::tuple<Parameters...>>;
    const Call call{kernel, std::tuple<Parameters...>{Parameters(arguments)...}};
    sim::run(
        context, config,
        [](const void* p) {
            const Call& c = *static_cast<const Call*>(p);
            std::apply(c.first, c.second);
        },
        &call);
}

}  // namespace sg
