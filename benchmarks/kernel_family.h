#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <span>
#include <variant>

#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_benchmark.h"
#include "kernels/common/context.h"
#include "kernels/common/philox.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cuda/cuda_context.h"
#endif

// What the benchmark asks of a family of kernels (one file each: norm_benchmark.cpp, ...).

namespace sg {

using BenchmarkContext = std::variant<CpuContext*, SimContext*
#ifdef SG_CUDA_ENABLED
                                      ,
                                      CudaContext*
#endif
                                      >;

/// A library's way to a case's result, on the case's operands.
struct KernelReference {
    std::string name = {}, idea = {};
    std::string missing = {};  ///< why there is none; then nothing but the name is set
    std::function<void()> run = {};
    std::function<double()> error = {};  ///< of what run() left; null: KernelCase::error
};

/// A kernel with its operands on a device.
class KernelCase {
  public:
    explicit KernelCase(const KernelBenchmark& b) : rotation{.copies = b.copies} {}
    virtual ~KernelCase() = default;
    KernelCase(const KernelCase&) = delete;  // operands refer to the rotation
    KernelCase& operator=(const KernelCase&) = delete;

    Rotation rotation;  ///< of the operands: run(), clear() and error() are of the current ones
    virtual void run(int version) = 0;
    /// Overwrites the result, so that only who computes it is found right.
    virtual void clear() = 0;
    /// Of what run() left, in units of the largest value of the textbook result.
    virtual double error() const = 0;
    /// What to compare with. They use the case, and may be run as long as it lives.
    virtual std::vector<KernelReference> references() { return {}; }
};

struct KernelFamily {
    std::vector<std::string> kernels;
    /// NxHxWxC, if none is asked for.
    const char* (*default_shape)(const std::string& device);
    /// On the CPU, and on devices.
    std::span<const LadderVersion> (*versions)(const std::string& kernel, bool cpu);
    /// Throws Error if the benchmark's shape is impossible.
    void (*check)(const KernelBenchmark&);
    KernelWork (*work)(const KernelBenchmark&);
    bool (*uses_tensor_cores)(const KernelBenchmark&, int version);
    std::unique_ptr<KernelCase> (*open)(const BenchmarkContext&, const KernelBenchmark&);
};

const KernelFamily& norm_family();
const KernelFamily& conv_family();
const KernelFamily& penalty_family();
const KernelFamily& label_family();
const KernelFamily& adam_family();

/// A Case<Context, T>(context, benchmark) for the context and the benchmark's type.
template <template <class, class> class Case>
std::unique_ptr<KernelCase> open_case(const BenchmarkContext& context, const KernelBenchmark& b) {
    return std::visit(
        [&]<class Context>(Context* c) -> std::unique_ptr<KernelCase> {
            if (b.bf16) return std::make_unique<Case<Context, bf16>>(*c, b);
            return std::make_unique<Case<Context, float>>(*c, b);
        },
        context);
}

/// `count` values in [low, high), the same in every run.
template <class T>
std::vector<T> uniform_values(int64_t count, uint64_t seed, float low, float high) {
    const Rng rng{.seed = seed};
    std::vector<T> values(count);
    for (int64_t i = 0; i < count; ++i) values[i] = T(low + (high - low) * rng.uniform(i));
    return values;
}

/// Largest error, in units of the largest value; NaN stays.
template <class T>
double relative_error(const std::vector<T>& got, const std::vector<double>& want) {
    double largest = 0, scale = 0;
    for (size_t i = 0; i < want.size(); ++i) {
        const double difference = std::abs(double(float(got[i])) - want[i]);
        if (!(difference <= largest)) largest = difference;
        scale = std::max(scale, std::abs(want[i]));
    }
    return largest / scale;
}

}  // namespace sg
