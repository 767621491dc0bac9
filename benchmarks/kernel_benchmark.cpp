#include "benchmarks/kernel_benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "benchmarks/kernel_family.h"
#include "benchmarks/report.h"
#include "kernels/common/error.h"

namespace sg {

namespace {

/// Milliseconds of one run.
template <class Context, class Run>
double time_of([[maybe_unused]] Context& context, const Run& run) {
#ifdef SG_CUDA_ENABLED
    if constexpr (std::is_same_v<Context, CudaContext>) return context.milliseconds(run);
#endif
    const auto start = std::chrono::steady_clock::now();
    run();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

/// A row of the report, and what it measures.
struct Row {
    KernelResult result;
    std::function<void()> run;
    std::function<double()> error;
};

std::vector<Row> rows_of(const KernelFamily& family, const KernelBenchmark& b, KernelCase& work) {
    std::vector<Row> rows;
    const auto error = [&work] { return work.error(); };
    for (const LadderVersion& v : family.versions(b.kernel, b.device == "cpu")) {
        if (b.version != 0 ? b.version != v.version : v.version < b.first_version) continue;
        rows.push_back({.result = {}, .run = [&work, v] { work.run(v.version); }, .error = error});
        KernelResult& result = rows.back().result;
        result.version = v.version, result.name = v.name, result.idea = v.idea;
        result.tensor_cores = family.uses_tensor_cores(b, v.version);
    }
    if (b.version != 0) return rows;
    for (const KernelReference& reference : work.references()) {
        rows.push_back({.result = {},
                        .run = reference.run,
                        .error = reference.error ? reference.error : error});
        KernelResult& result = rows.back().result;
        result.name = reference.name, result.idea = reference.idea;
        result.skipped = reference.missing;
    }
    return rows;
}

/// Skips what cannot run. A version with a wrong result is an error, a library's is told.
void verify(const KernelBenchmark& b, KernelCase& work, Row& row) {
    KernelResult& result = row.result;
    try {
        work.clear();
        row.run();
    } catch (const Error& error) {
        if (b.version != 0) throw;  // asked for by number: it must run
        result.skipped = error.fact();
        return;
    }
    result.error = row.error();
    const double allowed = b.bf16 || b.math == ConvMath::tf32 ? 1e-2 : 1e-4;
    if (result.error <= allowed) return;
    result.skipped = fmt::format(
        "wrong result, so it is not measured: off by {:.2e} of the largest value, allowed is "
        "{:.0e}",
        result.error, allowed);
    if (result.version != 0) throw Error(result.name, result.skipped);
}

/// Times `row` as something to be measured in turns. With operands that rotate, or where they are;
/// in the second case they are used once before.
template <class Context>
std::function<double()> timed(Context& context, const Row& row, KernelCase& work, bool warm) {
    const auto at_once = std::make_shared<int>(0);
    return [&context, &row, &work, warm, at_once] {
        const auto run = [&] {
            if (!warm) work.rotation.advance();
            row.run();
        };
        if (warm) row.run();
        if (*at_once == 0) {
            run();  // loads the kernel
            *at_once = runs_at_once(std::is_same_v<Context, CpuContext>, time_of(context, run));
        }
        const double ms = time_of(context, [&] {
            for (int k = 0; k < *at_once; ++k) run();
        });
        return ms / *at_once;
    };
}

/// Runs what has been found right: counted on the simulated device, timed on others.
template <class Context>
void measure(Context& context, const KernelBenchmark& b, KernelCase& work,
             const std::vector<Row*>& rows) {
    if constexpr (std::is_same_v<Context, SimContext>) {
        context.options.count = true;
        for (Row* row : rows) {
            row->run();
            row->result.launches = std::exchange(context.launches, {});
        }
    } else {
        std::vector<std::function<double()>> things;
        for (Row* row : rows) things.push_back(timed(context, *row, work, false));
        if (b.warm)
            for (Row* row : rows) things.push_back(timed(context, *row, work, true));
        const Sampled sampled = sample_in_turns(things, b.sampling);
        for (size_t r = 0; r < rows.size(); ++r) {
            KernelResult& result = rows[r]->result;
            result.time = sampled.times[r];
            if (b.warm) result.warm_time = sampled.times[rows.size() + r];
            result.attempts = sampled.attempts;
            result.copies = work.rotation.copies;
        }
    }
}

/// So many copies of the operands that all of them together are twice what the caches hold, if
/// that is no more than a gigabyte.
int copies_past(size_t cache, int64_t bytes) {
    constexpr double most_bytes = 1e9;
    const double wanted = std::min(2.0 * double(cache), most_bytes) / double(bytes);
    return std::clamp(int(std::ceil(wanted)), 1, 1000);
}

template <class Context>
std::vector<KernelResult> run_versions(Context& context, const KernelFamily& family,
                                       const KernelBenchmark& b) {
    KernelBenchmark with_copies = b;
    if (b.device == "sim") with_copies.copies = 1;
    if (with_copies.copies == 0)
        with_copies.copies = copies_past(cache_bytes(b.device), family.work(b).bytes);
    const std::unique_ptr<KernelCase> work = family.open(&context, with_copies);
    std::vector<Row> rows = rows_of(family, b, *work);
    std::vector<Row*> right;
    for (Row& row : rows) {
        if (row.result.skipped.empty()) verify(b, *work, row);
        if (row.result.skipped.empty()) right.push_back(&row);
    }
    measure(context, b, *work, right);
    std::vector<KernelResult> results;
    for (Row& row : rows) results.push_back(std::move(row.result));
    return results;
}

}  // namespace

std::vector<KernelResult> run_kernel_benchmark(const KernelBenchmark& b) {
    const KernelFamily& family = kernel_family(b.kernel);
    require(b.device == "cpu" || b.device == "sim" || b.device == "cuda", "kernels",
            "there is no device {}; there are cpu, sim and cuda", b.device);
    if (b.bf16 && family.f32_alone != nullptr) throw Error(b.kernel, family.f32_alone);
    family.check(b);
    const auto versions = int(family.versions(b.kernel, b.device == "cpu").size());
    require(b.version >= 0 && b.version <= versions, b.kernel.c_str(),
            "there is no version {} on {}, only 1 to {}", b.version, b.device, versions);
    if (b.device == "cpu") {
        CpuContext context(b.threads);
        const PinnedThreads pinned(context.threads());
        return run_versions(context, family, b);
    }
    if (b.device == "sim") {
        SimOptions options;
        options.threads = b.threads;
        options.architecture = b.architecture;
        options.processors = b.processors;
        SimContext context(options);
        return run_versions(context, family, b);
    }
#ifdef SG_CUDA_ENABLED
    CudaContext context;
    return run_versions(context, family, b);
#else
    throw Error("cuda", "this build has no CUDA: it was configured without a CUDA toolkit");
#endif
}

}  // namespace sg
