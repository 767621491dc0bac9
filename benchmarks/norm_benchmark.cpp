#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/norm_composed.h"
#include "benchmarks/norm_rows.h"
#include "benchmarks/norm_textbook.h"
#include "benchmarks/references.h"
#include "kernels/common/error.h"
#include "kernels/instance_norm/ladder/ladder.h"

namespace sg {

namespace {

constexpr const char* forward_name = "instance_norm_forward";
constexpr const char* backward_name = "instance_norm_backward";

const char* default_shape(const std::string& device) {
    return device == "sim" ? "2x32x32x64" : "16x128x128x64";  // G's first layer
}

std::span<const LadderVersion> versions(const std::string& kernel, bool cpu) {
    static constexpr LadderVersion cpu_ladder[] = {
        {1, "loops", "the formula, one image and channel after another"},
        {2, "rows", "pixel after pixel, all channels side by side: whole cache lines"},
        {3, "runs",
         "64 pixels at a time, 16 of their channels in a register; images over threads"}};
    if (cpu) return cpu_ladder;
    return kernel == forward_name ? instance_norm_forward_ladder()
                                  : instance_norm_backward_ladder();
}

void check(const KernelBenchmark& b) {
    check_instance_norm(b.kernel.c_str(), b.norm);
}

KernelWork work(const KernelBenchmark& b) {
    const bool forward = b.kernel == forward_name;
    const int64_t elements = b.norm.size();
    return {.bytes = (forward ? 2 : 3) * elements * (b.bf16 ? 2 : 4),
            .flops = (forward ? 8.0 : 15.0) * double(elements)};
}

/// Instance norm (with ReLU) on a device: operands, and a run of each version.
template <class Context, class T>
class NormCase : public KernelCase {
  public:
    NormCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          forward_(b.kernel == forward_name),
          book_(b.norm, uniform_values<T>(b.norm.size(), 1, -2, 3),
                uniform_values<T>(b.norm.size(), 2, -1, 1)),
          x_(context, book_.x, rotation),
          grad_y_(context, book_.grad_y, rotation),
          gamma_(context, book_.gamma, rotation),
          beta_(context, book_.beta, rotation),
          mean_(context, book_.mean, rotation),
          rstd_(context, book_.rstd, rotation),
          out_(context, std::vector<T>(b.norm.size()), rotation),
          grad_gamma_(context, std::vector<float>(b.norm.C), rotation),
          grad_beta_(context, std::vector<float>(b.norm.C), rotation),
          workspace_(context, std::vector<float>(instance_norm_workspace(b.norm)), rotation) {}

    void run(int version) override {
        if (forward_)
            run_forward(version);
        else
            run_backward(version);
    }
    void clear() override { out_.clear(); }
    double error() const override {
        return relative_error(out_.values(), forward_ ? book_.y : book_.grad_x);
    }
    std::vector<KernelReference> references() override {
        if constexpr (has_libraries<Context>) return {reference()};
        if constexpr (std::is_same_v<Context, CpuContext>) {
            composed_.emplace(book_.shape);
            return {{.name = "composed",
                     .idea = "an op and a pass for every term of the formula",
                     .run = [this] {
                         if (forward_)
                             composed_->forward(context_, forward_args());
                         else
                             composed_->backward(context_, backward_args());
                     }}};
        }
        return {};
    }

  private:
    /// cuDNN's. Its backward has no ReLU: it gets what is left of grad_y behind it.
    KernelReference reference() {
        using Norm = CudnnInstanceNorm;
        if (!forward_) open_grad_y_.emplace(context_, book_.open_grad_y(), rotation);
        return norm_reference(context_, forward_ ? Norm::Pass::forward_relu : Norm::Pass::backward,
                              book_.shape, sizeof(T) == 2 ? Norm::Type::bf16 : Norm::Type::f32,
                              [this]() -> Norm::Operands {
                                  return {.x = x_.data(),
                                          .grad_y = forward_ ? nullptr : open_grad_y_->data(),
                                          .gamma = gamma_.data(),
                                          .beta = beta_.data(),
                                          .mean = mean_.data(),
                                          .rstd = rstd_.data(),
                                          .y = out_.data(),
                                          .grad_x = out_.data(),
                                          .grad_gamma = grad_gamma_.data(),
                                          .grad_beta = grad_beta_.data()};
                              });
    }
    InstanceNormForwardArgs<T> forward_args() const {
        return {.shape = book_.shape,
                .x = x_.data(),
                .gamma = gamma_.data(),
                .beta = beta_.data(),
                .residual = nullptr,
                .relu = true,
                .y = out_.data(),
                .mean = mean_.data(),
                .rstd = rstd_.data(),
                .workspace = workspace_.data()};
    }
    InstanceNormBackwardArgs<T> backward_args() const {
        return {.shape = book_.shape,
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
    }
    void run_forward(int version) {
        const InstanceNormForwardArgs<T> args = forward_args();
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
        const InstanceNormBackwardArgs<T> args = backward_args();
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
    std::optional<DeviceMemory<Context, T>> open_grad_y_;
    std::optional<ComposedNorm<T>> composed_;
};

}  // namespace

const KernelFamily& norm_family() {
    static const KernelFamily family{{forward_name, backward_name},
                                     default_shape,
                                     versions,
                                     check,
                                     work,
                                     no_tensor_cores,
                                     open_case<NormCase>};
    return family;
}

}  // namespace sg
