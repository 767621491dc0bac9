#include "kernels/conv/choice/gpu_chooser.h"

#include <algorithm>
#include <array>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "kernels/conv/choice/own_provider.h"
#include "kernels/cublas/conv_provider.h"
#include "kernels/cuda/cuda_context.h"
#ifdef SG_CUDNN_ENABLED
#include "kernels/cudnn/conv_provider.h"
#endif

namespace sg {

namespace {

/// Device memory for one candidate's operands, filled with small numbers of both signs: zeros would
/// cost the multipliers less power and flatter those that it slows down.
class Scratch {
  public:
    Scratch(CudaContext& context, int64_t bytes) : context_(context) {
        if (bytes == 0) return;
        memory_ = context.allocate(size_t(bytes));
        try {
            fill(size_t(bytes));
        } catch (...) {
            context.release(memory_);
            throw;
        }
    }
    ~Scratch() {
        if (memory_) context_.release(memory_);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    void* data() const { return memory_; }

  private:
    /// Every two bytes are a bf16, every four an f32, of magnitudes from 2^-7 to 2^-3.
    void fill(size_t bytes) {
        std::vector<uint16_t> block(size_t{1} << 16);
        const Rng rng{.seed = 1};
        for (size_t i = 0; i < block.size(); ++i) {
            const uint32_t bits = rng.bits(i);
            block[i] = uint16_t((bits & 0x807F) | ((120 + (bits >> 16) % 4) << 7));
        }
        const size_t first = std::min(bytes, block.size() * sizeof(block[0]));
        context_.upload(memory_, block.data(), first);
        for (size_t done = first; done < bytes; done *= 2)
            context_.copy(static_cast<std::byte*>(memory_) + done, memory_,
                          std::min(done, bytes - done));
    }

    CudaContext& context_;
    void* memory_ = nullptr;
};

/// Microseconds of one run: the median of a few measurements after one that is thrown away, which
/// loads the kernel. Operands that fit the L2 cache stay there.
double microseconds_of(CudaContext& context, const ConvCall& call, ConvImplementation& candidate) {
    const ConvShape& s = call.shape;
    const int64_t in = call.arithmetic == ConvArithmetic::bf16 ? 2 : 4;
    const int64_t out = call.wide_result ? 4 : in;
    const std::array<int64_t, 3> sizes{s.x_size(), s.w_size(), s.y_size()};
    // Which of x, w, y are the operands a, b and the result.
    const std::array<int, 3> roles = call.pass == ConvPass::forward ? std::array{0, 1, 2}
                                     : call.pass == ConvPass::dgrad ? std::array{2, 1, 0}
                                                                    : std::array{0, 2, 1};
    const Scratch a(context, in * sizes[roles[0]]), b(context, in * sizes[roles[1]]),
        bias(context, call.bias ? 4 * std::max(s.C, s.K) : 0),
        result(context, out * sizes[roles[2]]), workspace(context, candidate.workspace_bytes());
    const ConvOperands operands{a.data(), b.data(), static_cast<const float*>(bias.data()),
                                result.data()};
    const auto run = [&] { candidate.run(operands, workspace.data()); };
    context.milliseconds(run);
    constexpr int measurements = 5;
    constexpr double enough = 0.5;  // milliseconds, against the clock's resolution
    const int repetitions =
        std::clamp(int(enough / std::max(1e-3, context.milliseconds(run))), 1, 50);
    std::array<double, measurements> times;
    for (double& time : times)
        time = context.milliseconds([&] {
            for (int i = 0; i < repetitions; ++i) run();
        });
    std::nth_element(times.begin(), times.begin() + measurements / 2, times.end());
    return 1e3 * times[measurements / 2] / repetitions;
}

using Made = std::unique_ptr<ConvProvider>;

/// Adds what make() returns; if it throws, says so and returns why.
template <class Make>
std::string add(std::vector<Made>& providers, const ConvChooser::Options& options,
                const char* library, const Make& make) {
    try {
        providers.push_back(make());
        return {};
    } catch (const Error& error) {
        if (options.say) options.say(fmt::format("without {}: {}\n", library, error.what()));
        return error.what();
    }
}

}  // namespace

std::shared_ptr<ConvChooser> gpu_conv_chooser(CudaContext& context, const std::string& version,
                                              ConvChooser::Options options) {
    std::vector<std::unique_ptr<ConvProvider>> providers;
    providers.push_back(own_conv_provider(context, version));
    if (options.policy != ConvPolicy::own) {
        const std::string failure = add(providers, options, "cuDNN", [&]() -> Made {
#ifdef SG_CUDNN_ENABLED
            return std::make_unique<CudnnConvProvider>(CudnnTarget(context));
#else
            throw Error("cudnn", "this build was configured without its headers");
#endif
        });
        require(failure.empty() || options.policy != ConvPolicy::cudnn, "conv",
                "cudnn was asked for, but cannot be used: {}", failure);
        add(providers, options, "cuBLAS",
            [&] { return std::make_unique<CublasConvProvider>(context); });
    }
    options.gpu = fmt::format("{} ({}, {} processors)", context.properties().name,
                              context.properties().architecture, context.properties().processors);
    const auto timer = [&context](const ConvCall& call, ConvImplementation& candidate) {
        try {
            return microseconds_of(context, call, candidate);
        } catch (const Error&) {
            context.synchronize();  // throws LostDevice if that was the cause
            throw;
        }
    };
    return std::make_shared<ConvChooser>(std::move(providers), timer, std::move(options));
}

}  // namespace sg
