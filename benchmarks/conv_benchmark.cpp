#include <algorithm>

#include "benchmarks/conv_textbook.h"
#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/references.h"
#include "kernels/common/error.h"
#include "kernels/common/processor.h"
#include "kernels/conv/conv_direct.h"
#include "kernels/conv/ladder/ladder.h"

namespace sg {

namespace {

ConvPass pass_of(const std::string& kernel) {
    for (const ConvPass pass : {ConvPass::forward, ConvPass::dgrad})
        if (kernel == to_string(pass)) return pass;
    return ConvPass::wgrad;
}

const char* default_shape(const std::string& device) {
    if (device == "sim") return "1x16x16x64";
    return device == "cpu" ? "4x32x32x64" : "16x32x32x256";  // a residual block
}

std::span<const LadderVersion> versions(const std::string& kernel, bool cpu) {
    static constexpr LadderVersion cpu_ladder[] = {
        {1, "loops", "the formula, rows over threads"},
        {2, "matrix", "rows of pixels gathered, times panels of weights, sums in registers"},
        {3, "winograd",
         "3x3 of stride 1 with 1/4, 4x4 of stride 2 with 2/5 of the products; else matrix"},
        {4, "engine", "whichever is the faster for the shape, a library's kernels among them"}};
    if (cpu) return cpu_ladder;
    return conv_ladder(pass_of(kernel));
}

void check(const KernelBenchmark& b) {
    check_conv_shape(b.kernel.c_str(), b.conv);
}

KernelWork work(const KernelBenchmark& b) {
    const ConvShape& s = b.conv;
    const int64_t element = b.bf16 ? 2 : 4, images = (s.x_size() + s.y_size()) * element;
    const bool wgrad = pass_of(b.kernel) == ConvPass::wgrad;
    return {.bytes = images + s.w_size() * (wgrad ? 4 : element),
            .flops = 2.0 * double(s.y_size()) * double(s.R * s.S * s.C),
            .tensor_cores = b.bf16 || b.math == ConvMath::tf32};
}

bool uses_tensor_cores(const KernelBenchmark& b, int version) {
    const int first = pass_of(b.kernel) == ConvPass::forward ? 5 : 2;
    return (b.bf16 || b.math == ConvMath::tf32) && version >= first;
}

/// The operands of all passes, and a run of each version of one of them.
template <class Context, class T>
class ConvCase : public KernelCase {
    static constexpr bool cpu = std::is_same_v<Context, CpuContext>;
    using W = std::conditional_t<cpu, acc_t<T>, T>;

  public:
    ConvCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          pass_(pass_of(b.kernel)),
          shape_(b.conv),
          math_(b.math),
          x_(context, uniform_values<T>(shape_.x_size(), 1, -1, 1), rotation),
          grad_y_(context, uniform_values<T>(shape_.y_size(), 2, -1, 1), rotation),
          w_(context, weights(), rotation),
          out_(context, std::vector<T>(std::max(shape_.x_size(), shape_.y_size())), rotation),
          grad_w_(context, std::vector<float>(shape_.w_size()), rotation),
          workspace_size_(workspace_size(context, versions(b.kernel, cpu))),
          workspace_(context, std::vector<float>(std::max<int64_t>(workspace_size_, 1)), rotation),
          sample_(textbook()) {}

    void run(int version) override {
        switch (pass_) {
            case ConvPass::forward:
                return run_forward(version);
            case ConvPass::dgrad:
                return run_dgrad(version);
            case ConvPass::wgrad:
                return run_wgrad(version);
        }
    }
    void clear() override {
        out_.clear();
        grad_w_.clear();
    }
    double error() const override {
        return pass_ == ConvPass::wgrad ? sample_.error(grad_w_.values())
                                        : sample_.error(out_.values());
    }
    std::vector<KernelReference> references() override {
        if constexpr (has_libraries<Context>)
            return conv_references(context_, call(), [this] { return operands(); });
        if constexpr (cpu) return {library_reference()};
        return {};
    }

  private:
    static constexpr int library_version = 0;
    /// Of the CPU's ladder; devices' production kernels take what was chosen.
    static ConvForm form(int version) {
        if (!cpu || version == 4) return ConvForm::automatic;
        if (version == library_version) return ConvForm::library;
        return version == 2 ? ConvForm::own : ConvForm::winograd;
    }
    KernelReference library_reference() {
        if (!convolution_library().starts_with("oneDNN"))
            return {.name = "oneDNN", .missing = "this build was configured without it"};
        return {.name = "oneDNN",
                .idea = convolution_library() + ", its kernels for this processor",
                .run = [this] { run(library_version); }};
    }
    std::vector<W> weights() const {
        const auto rounded = uniform_values<T>(shape_.w_size(), 3, -1, 1);
        return {rounded.begin(), rounded.end()};
    }
    int64_t workspace_size(const Context& context, std::span<const LadderVersion> all) const {
        int64_t most = 0;
        if constexpr (!cpu)
            for (const LadderVersion& v : all)
                most = std::max(most, conv_version_workspace<T>(context.properties(), pass_,
                                                                v.version, shape_, math_));
        return most;
    }
    ConvCall call() const {
        return {.pass = pass_,
                .shape = shape_,
                .arithmetic = conv_arithmetic<T>(math_),
                .wide_result = pass_ == ConvPass::wgrad && sizeof(T) == 2};
    }
    ConvOperands operands() const {
        if (pass_ == ConvPass::wgrad) return {x_.data(), grad_y_.data(), nullptr, grad_w_.data()};
        const T* a = pass_ == ConvPass::forward ? x_.data() : grad_y_.data();
        return {a, w_.data(), nullptr, out_.data()};
    }
    ConvSample textbook() const {
        const ConvShape& s = shape_;
        const std::vector<T> x = x_.values(), grad_y = grad_y_.values();
        const std::vector<W> w = w_.values();
        if (pass_ == ConvPass::forward)
            return {s.y_size(), s.R * s.S * s.C,
                    [&](int64_t i) { return textbook_y(s, x.data(), w.data(), i); }};
        if (pass_ == ConvPass::dgrad)
            return {s.x_size(), s.R * s.S * s.K,
                    [&](int64_t i) { return textbook_grad_x(s, grad_y.data(), w.data(), i); }};
        return {s.w_size(), s.N * s.P() * s.Q(),
                [&](int64_t i) { return textbook_grad_w(s, x.data(), grad_y.data(), i); }};
    }
    void run_forward(int version) {
        const ConvForwardArgs<T, T, W> args{.shape = shape_,
                                            .x = x_.data(),
                                            .w = w_.data(),
                                            .y = out_.data(),
                                            .math = math_,
                                            .form = form(version),
                                            .workspace = workspace_.data(),
                                            .workspace_size = workspace_size_};
        if constexpr (!cpu)
            conv_forward_version(context_, version, args);
        else if (version == 1)
            direct_conv_forward(context_, args);
        else
            conv_forward(context_, args);
    }
    void run_dgrad(int version) {
        const ConvDgradArgs<T, T, W> args{.shape = shape_,
                                          .grad_y = grad_y_.data(),
                                          .w = w_.data(),
                                          .grad_x = out_.data(),
                                          .math = math_,
                                          .form = form(version),
                                          .workspace = workspace_.data(),
                                          .workspace_size = workspace_size_};
        if constexpr (!cpu)
            conv_dgrad_version(context_, version, args);
        else if (version == 1)
            direct_conv_dgrad(context_, args);
        else
            conv_dgrad(context_, args);
    }
    void run_wgrad(int version) {
        const ConvWgradArgs<T> args{.shape = shape_,
                                    .x = x_.data(),
                                    .grad_y = grad_y_.data(),
                                    .grad_w = grad_w_.data(),
                                    .math = math_,
                                    .form = form(version),
                                    .workspace = workspace_.data(),
                                    .workspace_size = workspace_size_};
        if constexpr (!cpu)
            conv_wgrad_version(context_, version, args);
        else if (version == 1)
            direct_conv_wgrad(context_, args);
        else
            conv_wgrad(context_, args);
    }

    Context& context_;
    ConvPass pass_;
    ConvShape shape_;
    ConvMath math_;
    DeviceMemory<Context, T> x_, grad_y_;
    DeviceMemory<Context, W> w_;
    DeviceMemory<Context, T> out_;
    DeviceMemory<Context, float> grad_w_;
    int64_t workspace_size_;
    DeviceMemory<Context, float> workspace_;
    ConvSample sample_;
};

}  // namespace

const KernelFamily& conv_family() {
    static const KernelFamily family{
        {to_string(ConvPass::forward), to_string(ConvPass::dgrad), to_string(ConvPass::wgrad)},
        default_shape,
        versions,
        check,
        work,
        uses_tensor_cores,
        open_case<ConvCase>};
    return family;
}

}  // namespace sg
