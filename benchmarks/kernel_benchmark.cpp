#include "benchmarks/kernel_benchmark.h"

#include <algorithm>
#include <chrono>

#include "benchmarks/kernel_family.h"

namespace sg {

namespace {

const KernelFamily* family_of(const std::string& kernel) {
    for (const KernelFamily* family : {&norm_family(), &conv_family()})
        if (std::ranges::count(family->kernels, kernel)) return family;
    const auto known = benchmark_kernels();
    throw Error("kernels",
                fmt::format("there is no kernel {}; there are {}", kernel, fmt::join(known, ", ")));
}

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

/// Runs a version whose result has been found right: counted on the simulated device, timed on
/// others.
template <class Context>
void measure(Context& context, const KernelBenchmark& b, KernelCase& work, KernelResult& result) {
    if constexpr (std::is_same_v<Context, SimContext>) {
        context.options.count = true;
        work.run(result.version);
        result.launches = std::exchange(context.launches, {});
        context.options.count = false;
    } else {
        std::vector<double> times;
        for (int i = 0; i < b.warmup + b.repeats; ++i) {
            const double ms = time_of(context, [&] { work.run(result.version); });
            if (i >= b.warmup) times.push_back(ms);
        }
        result.time = summarise(times);
    }
}

template <class Context>
std::vector<KernelResult> run_versions(Context& context, const KernelFamily& family,
                                       const KernelBenchmark& b) {
    const std::unique_ptr<KernelCase> work = family.open(&context, b);
    std::vector<KernelResult> results;
    for (const LadderVersion& v : family.versions(b.kernel, b.device == "cpu")) {
        if (b.version != 0 && b.version != v.version) continue;
        KernelResult& result = results.emplace_back();
        result.version = v.version, result.name = v.name, result.idea = v.idea;
        result.tensor_cores = family.uses_tensor_cores(b, v.version);
        try {
            work->run(v.version);
        } catch (const Error& error) {
            if (b.version != 0) throw;  // asked for by number: it must run
            result.skipped = error.fact();
            continue;
        }
        result.error = work->error();
        const double allowed = b.bf16 ? 1e-2 : 1e-4;
        require(result.error <= allowed, v.name,
                "wrong result, so it is not measured: off by {:.2e} of the largest value, allowed "
                "is {:.0e}",
                result.error, allowed);
        measure(context, b, *work, result);
    }
    return results;
}

}  // namespace

std::vector<std::string> benchmark_kernels() {
    std::vector<std::string> all;
    for (const KernelFamily* family : {&norm_family(), &conv_family()})
        all.insert(all.end(), family->kernels.begin(), family->kernels.end());
    return all;
}

std::vector<LadderVersion> benchmark_versions(const std::string& kernel,
                                              const std::string& device) {
    const auto versions = family_of(kernel)->versions(kernel, device == "cpu");
    return {versions.begin(), versions.end()};
}

bool is_conv_kernel(const std::string& kernel) {
    return family_of(kernel) == &conv_family();
}

KernelWork kernel_work(const KernelBenchmark& b) {
    return family_of(b.kernel)->work(b);
}

std::vector<KernelResult> run_kernel_benchmark(const KernelBenchmark& b) {
    const KernelFamily& family = *family_of(b.kernel);
    require(b.device == "cpu" || b.device == "sim" || b.device == "cuda", "kernels",
            "there is no device {}; there are cpu, sim and cuda", b.device);
    family.check(b);
    const auto versions = int(family.versions(b.kernel, b.device == "cpu").size());
    require(b.version >= 0 && b.version <= versions, b.kernel.c_str(),
            "there is no version {} on {}, only 1 to {}", b.version, b.device, versions);
    if (b.device == "cpu") {
        CpuContext context(b.threads);
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
