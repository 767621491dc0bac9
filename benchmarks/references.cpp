#include "benchmarks/references.h"

#include <chrono>
#include <limits>

#include "benchmarks/times.h"
#include "kernels/common/error.h"
#include "kernels/conv/choice/chooser.h"
#include "kernels/cublas/conv_provider.h"
#include "kernels/cublas/gemm.h"
#include "kernels/cuda/cuda_context.h"
#include "kernels/cudnn/conv_provider.h"
#include "kernels/cudnn/primitive.h"
#include "kernels/cudnn/reduce.h"

namespace sg {

namespace {

/// Device memory that lives as long as who uses it.
std::shared_ptr<void> workspace(CudaContext& context, int64_t bytes) {
    return {context.allocate(size_t(std::max<int64_t>(bytes, 1))),
            [&context](void* memory) { context.release(memory); }};
}

/// The error's first line; more would be folders that a library is not in, or its own log.
std::string one_line(const Error& error) {
    std::string line = error.fact().substr(0, error.fact().find('\n'));
    if (line.ends_with(':')) line.pop_back();
    return error.hint().empty() ? line : fmt::format("{} ({})", line, error.hint());
}

/// What make() returns, or why it cannot.
template <class Make>
KernelReference reference(const char* library, const Make& make) {
    try {
        return make();
    } catch (const Error& error) {
        return {.name = library, .missing = one_line(error)};
    }
}

template <class Make>
KernelReference cudnn_reference([[maybe_unused]] CudaContext& context,
                                [[maybe_unused]] const Make& make) {
#ifdef SG_CUDNN_ENABLED
    return reference("cudnn", [&] { return make(CudnnTarget(context)); });
#else
    return {.name = "cudnn", .missing = "this build was configured without its headers"};
#endif
}

double milliseconds_of(CudaContext& context, const std::function<void()>& run) {
    constexpr int measurements = 5;
    run();  // loads the kernel
    std::vector<double> times;
    for (int i = 0; i < measurements; ++i) times.push_back(context.milliseconds(run));
    return summarise(times).median;
}

/// The fastest of a provider's candidates that work.
KernelReference fastest(CudaContext& context, ConvProvider& provider, const ConvCall& call,
                        const std::function<ConvOperands()>& operands) {
    KernelReference best{.name = provider.name(), .missing = "it has nothing for this convolution"};
    double least = std::numeric_limits<double>::infinity();
    int tried = 0;
    constexpr double patience = 3;  // seconds: some candidates are compiled first
    const auto start = std::chrono::steady_clock::now();
    const std::vector<std::string> candidates = provider.candidates(call);
    for (const std::string& candidate : candidates) try {
            const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
            if (spent.count() > patience) break;
            const std::shared_ptr<ConvImplementation> conv = provider.build(call, candidate);
            if (conv->workspace_bytes() > ConvChooser::Options{}.workspace_limit) continue;
            const auto memory = workspace(context, conv->workspace_bytes());
            const auto run = [=] { conv->run(operands(), memory.get()); };
            const double time = milliseconds_of(context, run);
            ++tried;
            if (time >= least) continue;
            least = time;
            best.run = run, best.idea = candidate, best.missing.clear();
        } catch (const Error& error) {
            if (!best.run) best.missing = one_line(error);  // another one may work
        }
    best.idea = fmt::format("{}, {}, the fastest of {} that work, {} proposed", provider.version(),
                            best.idea, tried, candidates.size());
    if (!best.run) best.idea.clear();
    return best;
}

}  // namespace

std::vector<KernelReference> conv_references(CudaContext& context, const ConvCall& call,
                                             const std::function<ConvOperands()>& operands) {
    std::vector<KernelReference> all{cudnn_reference(context, [&](const auto& target) {
        CudnnConvProvider provider(target);
        return fastest(context, provider, call, operands);
    })};
    if (conv_gemm(call, operands()))
        all.push_back(reference("cublas", [&] {
            CublasConvProvider provider(context);
            return fastest(context, provider, call, operands);
        }));
    return all;
}

KernelReference norm_reference(CudaContext& context, CudnnInstanceNorm::Pass pass,
                               const InstanceNormShape& shape, CudnnInstanceNorm::Type type,
                               const std::function<CudnnInstanceNorm::Operands()>& operands) {
    return cudnn_reference(context, [&](const auto& target) -> KernelReference {
        const auto norm = std::make_shared<CudnnInstanceNorm>(target, pass, shape, type);
        const auto memory = workspace(context, norm->workspace_bytes());
        const bool backward = pass == CudnnInstanceNorm::Pass::backward;
        return {.name = "cudnn",
                .idea = fmt::format("{}, {}{}", CudnnTarget::version(), norm->engine(),
                                    backward ? ", without the ReLU's part" : ""),
                .run = [=] { norm->run(operands(), memory.get()); }};
    });
}

KernelReference squared_norms_reference(CudaContext& context, int64_t N, int64_t size,
                                        const std::function<SquaredNormsOperands()>& operands) {
    return cudnn_reference(context, [&](const auto& target) -> KernelReference {
        const auto norms = std::make_shared<CudnnSquaredNorms>(target, N, size);
        const auto memory = workspace(context, norms->workspace_bytes());
        return {.name = "cudnn",
                .idea = fmt::format("{}, {}, the sums of squares alone", CudnnTarget::version(),
                                    norms->engine()),
                .run = [=] {
                    const SquaredNormsOperands now = operands();
                    norms->run(now.x, now.sums, memory.get());
                }};
    });
}

KernelReference cudnn_primitive_reference(CudaContext& context, const LibraryCall& call,
                                          const std::function<LibraryOperands()>& operands) {
    return cudnn_reference(context, [&](const auto& target) -> KernelReference {
        const auto primitive = std::make_shared<CudnnPrimitive>(target, call);
        const auto memory = workspace(context, primitive->workspace_bytes());
        return {.name = "cudnn",
                .idea = fmt::format("{}, {}", CudnnTarget::version(), primitive->engine()),
                .run = [=] { primitive->run(operands(), memory.get()); }};
    });
}

}  // namespace sg
