#pragma once

#include <functional>
#include <memory>
#include <span>
#include <variant>

#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_benchmark.h"
#include "benchmarks/values.h"
#include "kernels/common/context.h"
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

/// Another way to a case's result, a library's or a composition of ops, on the case's operands.
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
    const char* f32_alone = nullptr;  ///< why it does not run in bf16; null: it does
};

/// Of one of benchmark_kernels(); throws Error for another.
const KernelFamily& kernel_family(const std::string& kernel);

inline bool no_tensor_cores(const KernelBenchmark&, int) {
    return false;
}
/// Any extents will do.
inline void no_check(const KernelBenchmark&) {}

const KernelFamily& norm_family();
const KernelFamily& conv_family();
const KernelFamily& penalty_family();
const KernelFamily& label_family();
const KernelFamily& adam_family();
const KernelFamily& pointwise_family();
const KernelFamily& reduce_family();
const KernelFamily& loss_family();
const KernelFamily& image_family();

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

/// The same for kernels that run in f32 alone: a Case<Context>.
template <template <class> class Case>
std::unique_ptr<KernelCase> open_f32_case(const BenchmarkContext& context,
                                          const KernelBenchmark& b) {
    return std::visit(
        [&]<class Context>(Context* c) -> std::unique_ptr<KernelCase> {
            return std::make_unique<Case<Context>>(*c, b);
        },
        context);
}

}  // namespace sg
