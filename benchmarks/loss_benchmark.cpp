#include <optional>

#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/loss_composed.h"
#include "kernels/loss/loss.h"

// Losses with their gradients in the same pass, as a training step calls them.

namespace sg {

namespace {

constexpr const char *l1_name = "l1_forward", *mean_name = "mean_forward";
constexpr const char* bce_name = "bce_with_logits_forward";
constexpr const char* entropy_name = "cross_entropy_forward";

const char* default_shape(const std::string& device) {
    return device == "sim" ? "2x16x16x3" : "16x128x128x3";  // G's pictures
}

std::span<const LadderVersion> versions(const std::string& kernel, bool cpu) {
    static constexpr LadderVersion pieces[] = {
        {1, "pieces", "value by pieces of fixed extents, gradient in the same pass"}};
    static constexpr LadderVersion block[] = {{1, "block", "all images in one block"}};
    static constexpr LadderVersion loop[] = {{1, "loop", "image after image"}};
    if (kernel == l1_name || kernel == mean_name) return pieces;
    return cpu ? loop : block;
}

KernelWork work(const KernelBenchmark& b) {
    const int64_t operands = b.kernel == mean_name ? 2 : 3;  // the gradient is one
    const bool exponentials = b.kernel == bce_name || b.kernel == entropy_name;
    return {.bytes = 4 * operands * b.norm.size(),
            .flops = (exponentials          ? 40.0
                      : b.kernel == l1_name ? 5.0
                                            : 1.0) *
                     double(b.norm.size())};
}

/// Value and gradient as kernels/loss/README.md says them, in f64. Logits and targets are [N, L].
struct LossTextbook {
    std::vector<double> value = {0}, gradient;

    LossTextbook(const std::string& kernel, int64_t N, const std::vector<float>& x,
                 const std::vector<float>& z)
        : gradient(x.size()) {
        const auto count = double(x.size());
        const int64_t L = int64_t(x.size()) / N;
        for (int64_t n = 0; n < N; ++n) {
            double exponentials = 0;
            for (int64_t i = n * L; i < (n + 1) * L; ++i) exponentials += std::exp(double(x[i]));
            for (int64_t i = n * L; i < (n + 1) * L; ++i) {
                const double a = x[i], b = z[i], images = double(N);
                double term = a / count;
                if (kernel == mean_name) {
                    gradient[i] = 1 / count;
                } else if (kernel == l1_name) {
                    term = std::abs(a - b) / count;
                    gradient[i] = (a > b ? 1 : a < b ? -1 : 0) / count;
                } else if (kernel == bce_name) {
                    const double s = 1 / (1 + std::exp(-a));
                    term = -(b * std::log(s) + (1 - b) * std::log(1 - s)) / images;
                    gradient[i] = (s - b) / images;
                } else {
                    const double s = std::exp(a) / exponentials;
                    term = -b * std::log(s) / images;
                    gradient[i] = (s - b) / images;
                }
                value[0] += term;
            }
        }
    }
};

/// The second operand: another picture, attributes, or one class of each image.
std::vector<float> targets(const KernelBenchmark& b) {
    const int64_t count = b.norm.size(), L = count / b.norm.N;
    std::vector<float> z = uniform_values<float>(count, 2, -1, 1);
    if (b.kernel == bce_name)
        for (float& value : z) value = value > 0 ? 1 : 0;
    if (b.kernel == entropy_name)
        for (int64_t i = 0; i < count; ++i) z[i] = i % L == (i / L) % L ? 1 : 0;
    return z;
}

template <class Context>
class LossCase : public KernelCase {
  public:
    LossCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          kernel_(b.kernel),
          N_(b.norm.N),
          count_(b.norm.size()),
          book_(kernel_, N_, uniform_values<float>(count_, 1, -0.5, 1), targets(b)),
          x_(context, uniform_values<float>(count_, 1, -0.5, 1), rotation),
          z_(context, targets(b), rotation),
          value_(context, std::vector<float>(1), rotation),
          gradient_(context, std::vector<float>(size_t(count_)), rotation),
          workspace_(context,
                     std::vector<float>(std::max(l1_workspace(count_), mean_workspace(count_))),
                     rotation) {}

    void run(int) override {
        if (kernel_ == l1_name)
            return l1_forward(context_, L1Args<float>{.count = count_,
                                                      .x = x_.data(),
                                                      .z = z_.data(),
                                                      .value = value_.data(),
                                                      .workspace = workspace_.data(),
                                                      .grad_x = gradient_.data()});
        if (kernel_ == mean_name)
            return mean_forward(context_, MeanArgs<float>{.count = count_,
                                                          .x = x_.data(),
                                                          .value = value_.data(),
                                                          .grad_x = gradient_.data(),
                                                          .workspace = workspace_.data()});
        const BceArgs<float> args{.N = N_,
                                  .L = count_ / N_,
                                  .logits = x_.data(),
                                  .targets = z_.data(),
                                  .value = value_.data(),
                                  .grad_logits = gradient_.data()};
        if (kernel_ == bce_name)
            bce_with_logits_forward(context_, args);
        else
            cross_entropy_forward(context_, args);
    }
    void clear() override {
        value_.clear();
        gradient_.clear();
    }
    double error() const override {
        return std::max(relative_error(value_.values(), book_.value),
                        relative_error(gradient_.values(), book_.gradient));
    }
    std::vector<KernelReference> references() override {
        if constexpr (std::is_same_v<Context, CpuContext>)
            return {{.name = "composed",
                     .idea = "an op and a pass for every term, value and gradient apart",
                     .run = [this] { run_composed(); }}};
        return {};
    }

  private:
    void run_composed() {
        if (!composed_) composed_.emplace(N_, count_);
        const ComposedLoss::Operands operands{x_.data(), z_.data(), value_.data(),
                                              gradient_.data()};
        if (kernel_ == l1_name)
            composed_->l1(context_, operands);
        else if (kernel_ == mean_name)
            composed_->mean(context_, operands);
        else if (kernel_ == bce_name)
            composed_->bce_with_logits(context_, operands);
        else
            composed_->cross_entropy(context_, operands);
    }

    Context& context_;
    std::string kernel_;
    int64_t N_, count_;
    LossTextbook book_;
    DeviceMemory<Context, float> x_, z_, value_, gradient_, workspace_;
    std::optional<ComposedLoss> composed_;
};

}  // namespace

const KernelFamily& loss_family() {
    static const KernelFamily family{
        {l1_name, mean_name, bce_name, entropy_name},
        default_shape,
        versions,
        no_check,
        work,
        no_tensor_cores,
        open_f32_case<LossCase>,
        "runs in f32 alone: bf16 has too few bits for a difference of means"};
    return family;
}

}  // namespace sg
