#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/references.h"
#include "kernels/common/error.h"
#include "kernels/common/lanes.h"
#include "kernels/gradient_penalty/gradient_penalty.h"

namespace sg {

namespace {

constexpr const char* penalty_name = "gradient_penalty";

const char* default_shape(const std::string& device) {
    return device == "sim" ? "2x16x16x3" : "16x128x128x3";
}

std::span<const LadderVersion> versions(const std::string&, bool) {
    static constexpr LadderVersion only[] = {
        {1, "pieces", "squares added by pieces of an image, then norms, loss and factors"}};
    return only;
}

void check(const KernelBenchmark& b) {
    check_instance_norm(penalty_name, b.norm);
}

KernelWork work(const KernelBenchmark& b) {
    return {.bytes = 4 * b.norm.size(), .flops = 2.0 * double(b.norm.size())};
}

/// What gradient_penalty.h says of g [N, M], in f64.
struct PenaltyTextbook {
    std::vector<double> squares, norm, k, value = {0};

    PenaltyTextbook(int64_t N, int64_t M, const std::vector<float>& g) : squares(N), norm(N), k(N) {
        for (int64_t i = 0; i < N * M; ++i) squares[i / M] += double(g[i]) * double(g[i]);
        for (int64_t n = 0; n < N; ++n) {
            norm[n] = std::sqrt(squares[n]);
            k[n] = 2 / double(N) * (1 - 1 / norm[n]);
            value[0] += (norm[n] - 1) * (norm[n] - 1) / double(N);
        }
    }
};

/// Values of norms around 2: of the order of 1, but far enough from it that factors and loss do not
/// vanish.
std::vector<float> gradients(const InstanceNormShape& s) {
    const float bound = 2 * std::sqrt(3 / float(s.M * s.C));
    return uniform_values<float>(s.size(), 1, -bound, bound);
}

template <class Context>
class PenaltyCase : public KernelCase {
  public:
    PenaltyCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          N_(b.norm.N),
          M_(b.norm.M * b.norm.C),
          book_(N_, M_, gradients(b.norm)),
          g_(context, gradients(b.norm), rotation),
          norm_(context, std::vector<float>(N_), rotation),
          k_(context, std::vector<float>(N_), rotation),
          value_(context, std::vector<float>(1), rotation),
          squares_(context, std::vector<float>(N_), rotation),
          workspace_(context, std::vector<float>(penalty_workspace(N_, M_)), rotation) {}

    void run(int) override {
        gradient_penalty(context_, PenaltyArgs<float>{.N = N_,
                                                      .M = M_,
                                                      .g = g_.data(),
                                                      .norm = norm_.data(),
                                                      .k = k_.data(),
                                                      .value = value_.data(),
                                                      .workspace = workspace_.data()});
    }
    void clear() override {
        for (auto* result : {&norm_, &k_, &value_, &squares_}) result->clear();
    }
    double error() const override {
        return std::max({relative_error(norm_.values(), book_.norm),
                         relative_error(k_.values(), book_.k),
                         relative_error(value_.values(), book_.value)});
    }
    std::vector<KernelReference> references() override {
        if constexpr (has_libraries<Context>) {
            KernelReference r =
                squared_norms_reference(context_, N_, M_, [this]() -> SquaredNormsOperands {
                    return {g_.data(), squares_.data()};
                });
            r.error = [this] { return relative_error(squares_.values(), book_.squares); };
            return {r};
        }
        if constexpr (std::is_same_v<Context, CpuContext>)
            return {{.name = "composed",
                     .idea = "squares, their sums, roots, factors: an op and a pass each",
                     .run = [this] { run_composed(); }}};
        return {};
    }

  private:
    void run_composed() {
        products_.resize(size_t(N_ * M_));
        const float* g = g_.data();
        parallel_chunks(context_, N_ * M_, [&](int64_t begin, int64_t end) {
#pragma omp simd
            for (int64_t i = begin; i < end; ++i) products_[i] = g[i] * g[i];
        });
        parallel_for(context_, N_, [&](int64_t n) {
            norm_.data()[n] = std::sqrt(sum_in_lanes<float>(
                n * M_, (n + 1) * M_, [x = products_.data()](int64_t i) { return x[i]; }));
        });
        float& value = value_.data()[0] = 0;
        for (int64_t n = 0; n < N_; ++n) {
            const float norm = norm_.data()[n];
            k_.data()[n] = 2 / float(N_) * (1 - 1 / norm);
            value += (norm - 1) * (norm - 1) / float(N_);
        }
    }

    Context& context_;
    int64_t N_, M_;
    PenaltyTextbook book_;
    DeviceMemory<Context, float> g_, norm_, k_, value_, squares_, workspace_;
    std::vector<float> products_;
};

}  // namespace

const KernelFamily& penalty_family() {
    static const KernelFamily family{{penalty_name},
                                     default_shape,
                                     versions,
                                     check,
                                     work,
                                     no_tensor_cores,
                                     open_f32_case<PenaltyCase>,
                                     "runs in f32 alone: what matters is a norm's distance from 1"};
    return family;
}

}  // namespace sg
