#include "benchmarks/kernel_report.h"

#include <algorithm>

#include "kernels/common/error.h"

namespace sg {

namespace {

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
        const double model = std::max({flop, global, shared}), floor = 1e-3 * h200_floor_ms(work);
        fmt::print("{:>10} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f} {:>8.1f}x\n", wavefronts,
                   1e6 * flop, 1e6 * global, 1e6 * shared, 1e6 * model, 1e6 * floor, model / floor);
    }
}

/// Milliseconds with the digits that matter.
std::string digits(double ms) {
    return fmt::format("{:.{}f}", ms, ms < 0.1 ? 6 : 4);
}

/// A share in percent, or "-".
std::string percent(std::optional<double> least_ms, double ms) {
    return least_ms ? fmt::format("{:.0f}", 100 * *least_ms / ms) : "-";
}

void print_times(const KernelBenchmark& b, const std::vector<KernelResult>& results,
                 const Roofs& roofs) {
    const KernelWork work = kernel_work(b);
    const KernelResult* reference = reference_of(results);
    fmt::print("{:>2} {:<17} {:>10} {:>7} {:>4} {:>10} {:>8} {:>8} {:>8} {:>8} {:>6}\n", "v",
               "name", "median ms", "spread", "out", "warm ms", "GB/s", "TFLOP/s", "%ceiling",
               "%floor", "ratio");
    for (const KernelResult& r : results) {
        if (!print_name(r)) continue;
        const double ms = r.time.median;
        fmt::print("{:>10} {:>6.1f}% {:>4} {:>10} {:>8.1f} {:>8.3f} {:>8} {:>8} {:>6}\n",
                   digits(ms), 100 * r.time.spread, r.time.outliers,
                   r.warm_time ? digits(r.warm_time->median) : "-", double(work.bytes) / 1e6 / ms,
                   work.flops / 1e9 / ms, percent(roofs.ceiling_ms(b), ms),
                   percent(roofs.floor_ms(b), ms),
                   reference && reference != &r ? fmt::format("{:.2f}", reference->time.median / ms)
                                                : "-");
    }
}

/// What the columns are, for who sees them first.
void print_legend(const KernelBenchmark& b, const std::vector<KernelResult>& results,
                  const Roofs& roofs) {
    const auto ran = std::ranges::find_if(results, [](const auto& r) { return r.skipped.empty(); });
    if (ran == results.end()) return;
    fmt::print(
        "median, spread (distance of the quartiles) and outliers of {} runs, by turns on {} copies "
        "of the operands ({:.0f} MB in all); warm: operands used just before.\n",
        b.sampling.repeats, ran->copies, 1e-6 * ran->copies * double(kernel_work(b).bytes));
    if (const auto least = roofs.ceiling_ms(b))
        fmt::print("100 %ceiling: {} ms, at the rates measured on this device ({}).\n",
                   digits(*least), "sg_bench ceilings");
    if (const auto least = roofs.floor_ms(b))
        fmt::print("100 %floor: {} ms, at the data sheet's.\n", digits(*least));
    if (const KernelResult* reference = reference_of(results))
        fmt::print("ratio: times as fast as {}.\n", reference->name);
}

}  // namespace

void print_table(const KernelBenchmark& benchmark, const std::vector<KernelResult>& results,
                 const Roofs& roofs) {
    if (benchmark.device == "sim")
        print_counts(results, kernel_work(benchmark));
    else
        print_times(benchmark, results, roofs);
}

void print_report(const KernelBenchmark& benchmark, const std::vector<KernelResult>& results,
                  const Roofs& roofs) {
    print_table(benchmark, results, roofs);
    if (benchmark.device == "sim") {
        print_model(results, kernel_work(benchmark));
        fmt::print("\n");
    } else {
        print_legend(benchmark, results, roofs);
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
