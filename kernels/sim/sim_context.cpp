#include "kernels/sim/sim_context.h"

#include <omp.h>

#include <algorithm>
#include <cstring>

#include "kernels/common/error.h"

namespace sg {

SimContext::SimContext(const SimOptions& options) : options(options) {
    // The limits of the GPUs of that architecture (CUDA C++ Programming Guide, compute
    // capabilities); an H200 has 132 processors.
    const int a = options.architecture;
    require(a >= 80, "sim", "architecture is {}, expected 80 or more", a);
    const bool small = a == 86 || a == 89 || a / 10 == 12;
    properties_ = {.name = "simulated device",
                   .architecture = a,
                   .processors = options.processors,
                   .max_threads = 1024,
                   .shared_per_block = size_t(small    ? 99
                                              : a < 90 ? 163
                                                       : 227)
                                       << 10,
                   .max_cluster = a < 90  ? 1
                                  : small ? 8
                                          : 16};
}

int SimContext::threads() const {
    if (options.order != ThreadOrder::forward || options.trace) return 1;  // to be repeatable
    return options.threads > 0 ? options.threads : omp_get_num_procs();
}

void AccessCounts::add(const AccessCounts& other) {
    instructions += other.instructions;
    bytes += other.bytes;
    sectors += other.sectors;
    wavefronts += other.wavefronts;
    conflicts += other.conflicts;
}

void LaunchCounts::add(const LaunchCounts& other) {
    shared_bytes = std::max(shared_bytes, other.shared_bytes);
    global_loads.add(other.global_loads);
    global_stores.add(other.global_stores);
    shared_loads.add(other.shared_loads);
    shared_stores.add(other.shared_stores);
    atomics += other.atomics;
    barriers += other.barriers;
    collectives += other.collectives;
    divergent += other.divergent;
}

namespace {

std::string describe(const SimContext::Writer& writer) {
    if (!writer.kernel) return "not written through a global pointer";
    const auto [b, t] = std::pair(writer.block, writer.thread);
    return fmt::format("written by {}, block ({},{},{}), thread ({},{},{})", writer.kernel, b.x,
                       b.y, b.z, t.x, t.y, t.z);
}

}  // namespace

void check_order_independence(SimContext& context, std::span<std::byte> output,
                              const std::function<void()>& run) {
    const SimOptions kept = context.options;
    const std::vector<std::byte> before(output.begin(), output.end());
    struct Result {
        const char* order;
        std::vector<std::byte> bytes;
        std::vector<SimContext::Writer> writers;
    };
    std::vector<Result> results;
    context.watched = output;
    context.options.threads = 1;
    std::exception_ptr failure;
    try {
        for (const auto& [order, name] : {std::pair(ThreadOrder::forward, "forward"),
                                          std::pair(ThreadOrder::backward, "backward"),
                                          std::pair(ThreadOrder::shuffled, "shuffled")}) {
            std::copy(before.begin(), before.end(), output.begin());
            context.options.order = order;
            context.writers.assign(output.size(), {});
            run();
            results.push_back({name, {output.begin(), output.end()}, context.writers});
        }
    } catch (...) {
        failure = std::current_exception();
    }
    context.options = kept;
    context.watched = {};
    context.writers.clear();
    if (failure) std::rethrow_exception(failure);
    const Result& first = results.front();
    for (const Result& other : results)
        for (size_t i = 0; i < output.size(); ++i) {
            if (first.bytes[i] == other.bytes[i]) continue;
            const char* kernel = first.writers[i].kernel;
            throw Error(kernel ? kernel : "sim",
                        fmt::format("byte {} of the output depends on the order of threads: {} it "
                                    "was {}, {} it was {}",
                                    i, first.order, describe(first.writers[i]), other.order,
                                    describe(other.writers[i])));
        }
}

}  // namespace sg
