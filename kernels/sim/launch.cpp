#include "kernels/sim/launch.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <numeric>
#include <random>

#include "kernels/common/error.h"
#include "kernels/sim/recorder.h"
#include "kernels/sim/scheduler.h"

namespace sg::sim {

namespace {

/// The order in which clusters start.
std::vector<size_t> cluster_order(const SimOptions& options, size_t clusters) {
    std::vector<size_t> order(clusters);
    std::iota(order.begin(), order.end(), size_t{0});
    if (options.order == ThreadOrder::backward) std::reverse(order.begin(), order.end());
    if (options.order == ThreadOrder::shuffled)
        std::shuffle(order.begin(), order.end(), std::mt19937_64(options.seed));
    return order;
}

/// What the threads of the processor share while they run a launch's clusters.
struct Progress {
    std::vector<size_t> order;
    std::atomic<bool> failed = false;
    std::exception_ptr failure;  ///< the first
    LaunchCounts counts;
};

void run_share(SimContext& context, const LaunchState& state, Progress& progress) {
    const SimOptions& options = context.options;
    Recorder own(context, state.launch);
    const bool recording =
        options.count || options.check_races || options.trace || !context.watched.empty();
#pragma omp for schedule(dynamic)
    for (size_t i = 0; i < progress.order.size(); ++i) {
        if (progress.failed) continue;
        recorder = recording ? &own : nullptr;
        try {
            scheduler().run(state, progress.order[i], options.order, options.seed);
        } catch (...) {
#pragma omp critical(sg_sim_failure)
            if (!progress.failed.exchange(true)) progress.failure = std::current_exception();
        }
        recorder = nullptr;
    }
#pragma omp critical(sg_sim_counts)
    progress.counts.add(own.counts());
    if (options.trace && !progress.failed)  // by one thread, see SimContext::threads()
        context.trace.work(state.launch.kernel, std::move(own.reads), std::move(own.writes));
}

}  // namespace

void run(SimContext& context, const Launch& launch, void (*call)(const void*),
         const void* arguments) {
    const DeviceProperties& device = context.properties();
    check_launch(device, launch);
    const SimOptions& options = context.options;
    const LaunchState state{.launch = launch,
                            .shared_limit = device.shared_per_block,
                            .call = call,
                            .arguments = arguments};
    Progress progress{.order = cluster_order(options, launch.grid.count() / launch.cluster),
                      .failed = false,
                      .failure = nullptr,
                      .counts = Recorder(context, launch).counts()};
    const int threads = context.threads();
#pragma omp parallel num_threads(threads) if (threads > 1 && progress.order.size() > 1)
    run_share(context, state, progress);
    if (progress.failure) std::rethrow_exception(progress.failure);
    if (options.count) context.launches.push_back(progress.counts);
}

}  // namespace sg::sim
