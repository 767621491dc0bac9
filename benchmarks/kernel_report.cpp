#include "benchmarks/kernel_report.h"

#include <algorithm>

#include "kernels/common/error.h"

namespace sg {

namespace {

/// An H200, as its data sheet and measured copies say: what the model divides by.
namespace h200 {
constexpr double tensor_flops = 790e12, flops = 67e12, bytes = 4.3e12;
constexpr double wavefronts = 132 * 1.755e9;  // of shared memory: one per processor and cycle
}  // namespace h200

LaunchCounts sum_of(const KernelResult& result) {
    LaunchCounts all;
    for (const LaunchCounts& launch : result.launches) all.add(launch);
    return all;
}

double moved_bytes(const LaunchCounts& counts) {
    return 32.0 * double(counts.global_loads.sectors + counts.global_stores.sectors);
}

/// A version's number; a library has none.
std::string number_of(const KernelResult& r) {
    return r.version ? fmt::to_string(r.version) : "";
}

/// The row's start, and whether the rest may follow.
bool print_name(const KernelResult& r) {
    if (r.skipped.empty())
        fmt::print("{:>2} {:<17} ", number_of(r), r.name);
    else if (r.version)
        fmt::print("{:>2} {:<17} not run: {}\n", r.version, r.name, r.skipped);
    else
        fmt::print("   {}: {}\n", r.name, r.skipped);
    return r.skipped.empty();
}

/// What a reader compares: bytes against the least possible, and what slows them down.
void print_counts(const std::vector<KernelResult>& results, const KernelWork& work) {
    fmt::print("{:>2} {:<17} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10}\n", "v", "name", "moved MB",
               "of least", "used", "conflicts", "barriers", "shuffles", "divergent");
    for (const KernelResult& r : results) {
        if (!print_name(r)) continue;
        const LaunchCounts all = sum_of(r);
        const auto &loads = all.global_loads, &stores = all.global_stores;
        const double moved = moved_bytes(all);
        fmt::print("{:>9.2f} {:>7.2f}x {:>8.0f}% {:>9} {:>9} {:>9} {:>10}\n", moved / 1e6,
                   moved / double(work.bytes),
                   std::min(100.0, 100 * double(loads.bytes + stores.bytes) / moved),
                   all.shared_loads.conflicts + all.shared_stores.conflicts, all.barriers,
                   all.collectives, all.divergent);
    }
}

double floor_seconds(const KernelWork& work) {
    const double flops = work.tensor_cores ? h200::tensor_flops : h200::flops;
    return std::max(work.flops / flops, double(work.bytes) / h200::bytes);
}

/// The longest of arithmetic, global and shared memory, each as if it had the GPU to itself.
void print_model(const std::vector<KernelResult>& results, const KernelWork& work) {
    fmt::print(
        "\nA model, not a measurement: every count at the full rate of an H200, all its "
        "processors\n"
        "busy, nothing found in a cache. The model's time is the longest of the three.\n"
        "{:>2} {:<17} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
        "v", "name", "wavefronts", "flop us", "global us", "shared us", "model us", "floor us",
        "of floor");
    for (const KernelResult& r : results) {
        if (!print_name(r)) continue;
        const LaunchCounts all = sum_of(r);
        const int64_t wavefronts = all.shared_loads.wavefronts + all.shared_stores.wavefronts;
        const double flop = work.flops / (r.tensor_cores ? h200::tensor_flops : h200::flops);
        const double global = moved_bytes(all) / h200::bytes;
        const double shared = double(wavefronts) / h200::wavefronts;
        const double model = std::max({flop, global, shared}), floor = floor_seconds(work);
        fmt::print("{:>10} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f} {:>8.1f}x\n", wavefronts,
                   1e6 * flop, 1e6 * global, 1e6 * shared, 1e6 * model, 1e6 * floor, model / floor);
    }
}

void print_times(const std::vector<KernelResult>& results, const KernelWork& work) {
    fmt::print("{:>2} {:<17} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "v", "name", "median ms", "min",
               "max", "GB/s", "TFLOP/s");
    for (const KernelResult& r : results)
        if (print_name(r))
            fmt::print("{:>10.3f} {:>10.3f} {:>10.3f} {:>10.1f} {:>10.3f}\n", r.time.median,
                       r.time.min, r.time.max, double(work.bytes) / 1e6 / r.time.median,
                       work.flops / 1e9 / r.time.median);
}

void print_floor(const KernelWork& work) {
    fmt::print("   {:<17} {:>10.3f}  an H200 at its full rates\n", "floor",
               1e3 * floor_seconds(work));
}

}  // namespace

void print_report(const KernelBenchmark& benchmark, const std::vector<KernelResult>& results) {
    const KernelWork work = kernel_work(benchmark);
    if (benchmark.device == "sim") {
        print_counts(results, work);
        print_model(results, work);
        fmt::print("\n");
    } else {
        print_times(results, work);
        if (benchmark.device == "cuda") print_floor(work);
    }
    for (const KernelResult& r : results)
        if (!r.idea.empty()) fmt::print("{:>2} {}: {}\n", number_of(r), r.name, r.idea);
}

void print_kernel_list(const std::string& device) {
    for (const std::string& kernel : benchmark_kernels()) {
        fmt::print("{} on {}\n", kernel, device);
        for (const LadderVersion& v : benchmark_versions(kernel, device))
            fmt::print("{:>4} {:<17} {}\n", v.version, v.name, v.idea);
    }
}

}  // namespace sg
