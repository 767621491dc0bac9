#include "benchmarks/kernel_benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "benchmarks/device_memory.h"
#include "benchmarks/norm_rows.h"
#include "benchmarks/norm_textbook.h"
#include "kernels/instance_norm/ladder/ladder.h"

namespace sg {

namespace {

constexpr const char* forward_name = "instance_norm_forward";
constexpr const char* backward_name = "instance_norm_backward";

constexpr LadderVersion cpu_ladder[] = {
    {1, "loops", "the formula, one image and channel after another"},
    {2, "rows", "pixel after pixel, all channels side by side: whole cache lines"},
    {3, "slabs", "16 channels side by side in vector registers, images over threads"}};

std::span<const LadderVersion> versions_of(const KernelBenchmark& b) {
    if (b.device == "cpu") return cpu_ladder;
    return b.kernel == forward_name ? instance_norm_forward_ladder()
                                    : instance_norm_backward_ladder();
}

/// Instance norm (with ReLU) on a device: operands, and a run of each version.
template <class Context, class T>
class NormCase {
  public:
    NormCase(Context& context, const KernelBenchmark& b)
        : context_(context),
          forward_(b.kernel == forward_name),
          book_(b.shape, uniform_values<T>(b.shape.size(), 1, -2, 3),
                uniform_values<T>(b.shape.size(), 2, -1, 1)),
          x_(context, book_.x),
          grad_y_(context, book_.grad_y),
          gamma_(context, book_.gamma),
          beta_(context, book_.beta),
          mean_(context, book_.mean),
          rstd_(context, book_.rstd),
          out_(context, std::vector<T>(b.shape.size())),
          grad_gamma_(context, std::vector<float>(b.shape.C)),
          grad_beta_(context, std::vector<float>(b.shape.C)),
          workspace_(context, std::vector<float>(instance_norm_workspace(b.shape))) {}

    void run(int version) {
        if (forward_)
            run_forward(version);
        else
            run_backward(version);
    }
    /// Of what run() left, in units of the largest value.
    double error() const {
        const auto& want = forward_ ? book_.y : book_.grad_x;
        const std::vector<T> got = out_.values();
        double largest = 0, scale = 0;
        for (size_t i = 0; i < want.size(); ++i) {
            const double difference = std::abs(double(float(got[i])) - want[i]);
            if (!(difference <= largest)) largest = difference;  // NaN stays
            scale = std::max(scale, std::abs(want[i]));
        }
        return largest / scale;
    }

  private:
    void run_forward(int version) {
        const InstanceNormForwardArgs<T> args{.shape = book_.shape,
                                              .x = x_.data(),
                                              .gamma = gamma_.data(),
                                              .beta = beta_.data(),
                                              .residual = nullptr,
                                              .relu = true,
                                              .y = out_.data(),
                                              .mean = mean_.data(),
                                              .rstd = rstd_.data(),
                                              .workspace = workspace_.data()};
        if constexpr (!std::is_same_v<Context, CpuContext>)
            instance_norm_forward_version(context_, version, args);
        else if (version == 1)
            textbook_forward(args);
        else if (version == 2)
            forward_by_rows(args);
        else
            instance_norm_forward(context_, args);
    }
    void run_backward(int version) {
        const InstanceNormBackwardArgs<T> args{.shape = book_.shape,
                                               .grad_y = grad_y_.data(),
                                               .x = x_.data(),
                                               .gamma = gamma_.data(),
                                               .beta = beta_.data(),
                                               .mean = mean_.data(),
                                               .rstd = rstd_.data(),
                                               .relu = true,
                                               .grad_x = out_.data(),
                                               .grad_gamma = grad_gamma_.data(),
                                               .grad_beta = grad_beta_.data(),
                                               .workspace = workspace_.data()};
        if constexpr (!std::is_same_v<Context, CpuContext>)
            instance_norm_backward_version(context_, version, args);
        else if (version == 1)
            textbook_backward(args);
        else if (version == 2)
            backward_by_rows(args);
        else
            instance_norm_backward(context_, args);
    }

    Context& context_;
    bool forward_;
    NormTextbook<T> book_;
    DeviceMemory<Context, T> x_, grad_y_;
    DeviceMemory<Context, float> gamma_, beta_, mean_, rstd_;
    DeviceMemory<Context, T> out_;
    DeviceMemory<Context, float> grad_gamma_, grad_beta_, workspace_;
};

/// Milliseconds of one run.
template <class Context, class Run>
double time_of(Context& context, const Run& run) {
#ifdef SG_CUDA_ENABLED
    if constexpr (std::is_same_v<Context, CudaContext>) return context.milliseconds(run);
#endif
    (void)context;
    const auto start = std::chrono::steady_clock::now();
    run();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

template <class Context, class T>
std::vector<KernelResult> measure(Context& context, const KernelBenchmark& b) {
    NormCase<Context, T> work(context, b);
    std::vector<KernelResult> results;
    for (const LadderVersion& v : versions_of(b)) {
        if (b.version != 0 && b.version != v.version) continue;
        KernelResult& result = results.emplace_back();
        result.version = v.version, result.name = v.name, result.idea = v.idea;
        try {
            work.run(v.version);
        } catch (const Error& error) {
            if (b.version != 0) throw;  // asked for by number: it must run
            result.skipped = error.fact();
            continue;
        }
        result.error = work.error();
        const double allowed = std::is_same_v<T, float> ? 1e-4 : 1e-2;
        require(result.error <= allowed, v.name,
                "wrong result, so it is not measured: off by {:.2e} of the largest value, allowed "
                "is {:.0e}",
                result.error, allowed);
        if constexpr (std::is_same_v<Context, SimContext>) {
            context.options.count = true;
            work.run(v.version);
            result.launches = std::exchange(context.launches, {});
            context.options.count = false;
            continue;
        }
        std::vector<double> times;
        for (int i = 0; i < b.warmup + b.repeats; ++i) {
            const double ms = time_of(context, [&] { work.run(v.version); });
            if (i >= b.warmup) times.push_back(ms);
        }
        result.time = summarise(times);
    }
    return results;
}

template <class Context>
std::vector<KernelResult> measure(Context& context, const KernelBenchmark& b) {
    return b.bf16 ? measure<Context, bf16>(context, b) : measure<Context, float>(context, b);
}

}  // namespace

std::vector<std::string> benchmark_kernels() {
    return {forward_name, backward_name};
}

std::vector<KernelResult> run_kernel_benchmark(const KernelBenchmark& b) {
    const auto known = benchmark_kernels();
    require(std::find(known.begin(), known.end(), b.kernel) != known.end(), "kernels",
            "there is no kernel {}; there are {}", b.kernel, fmt::join(known, ", "));
    require(b.device == "cpu" || b.device == "sim" || b.device == "cuda", "kernels",
            "there is no device {}; there are cpu, sim and cuda", b.device);
    check_instance_norm(b.kernel.c_str(), b.shape);
    const auto versions = int(versions_of(b).size());
    require(b.version >= 0 && b.version <= versions, b.kernel.c_str(),
            "there is no version {} on {}, only 1 to {}", b.version, b.device, versions);
    if (b.device == "cpu") {
        CpuContext context(b.threads);
        return measure(context, b);
    }
    if (b.device == "sim") {
        SimOptions options;
        options.threads = b.threads;
        options.architecture = b.architecture;
        SimContext context(options);
        return measure(context, b);
    }
#ifdef SG_CUDA_ENABLED
    CudaContext context;
    return measure(context, b);
#else
    throw Error("cuda", "this build has no CUDA: it was configured without a CUDA toolkit");
#endif
}

int64_t least_bytes(const KernelBenchmark& b) {
    const int64_t tensors = b.kernel == forward_name ? 2 : 3;
    return tensors * b.shape.size() * (b.bf16 ? 2 : 4);
}

}  // namespace sg
