#include "benchmarks/kernel_family.h"
#include "kernels/adam/adam.h"
#include "kernels/adam/split_master.h"
#include "kernels/common/error.h"

namespace sg {

namespace {

constexpr const char* adam_name = "adam";
constexpr int whole_version = 1, split_version = 2;
constexpr double beta1 = 0.5, beta2 = 0.999, eps = 1e-8, rate = 1e-4;
constexpr int64_t update_step = 10;

const char* default_shape(const std::string& device) {
    return device == "sim" ? "1x1x4x1024" : "1x1x4096x1024";  // extents say only how many
}

std::span<const LadderVersion> versions(const std::string&, bool) {
    static constexpr LadderVersion both[] = {
        {whole_version, "whole", "f32 parameters"},
        {split_version, "split", "the same in two halves, of which one is the bf16 weight"}};
    return both;
}

KernelWork work(const KernelBenchmark& b) {
    constexpr int64_t bytes = 28;  // p, m and v both ways, g
    constexpr double operations = 12;
    return {.bytes = bytes * b.norm.size(), .flops = operations * double(b.norm.size())};
}

/// One update in f64 (Kingma & Ba 2015, algorithm 1).
double updated(double p, double m, double v, double g) {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const double m_hat = m / (1 - std::pow(beta1, update_step));
    const double v_hat = v / (1 - std::pow(beta2, update_step));
    return p - rate * m_hat / (std::sqrt(v_hat) + eps);
}

/// Parameters, moments and gradients; every run is update 10 of what the one before has left.
template <class Context>
class AdamCase : public KernelCase {
    template <class T>
    using Memory = DeviceMemory<Context, T>;

  public:
    AdamCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          start_p_(uniform_values<float>(b.norm.size(), 1, -1, 1)),
          start_m_(uniform_values<float>(b.norm.size(), 2, -1, 1)),
          start_v_(uniform_values<float>(b.norm.size(), 3, 0, 1)),
          gradients_(uniform_values<float>(b.norm.size(), 4, -1, 1)),
          p_(context, start_p_, rotation),
          m_(context, start_m_, rotation),
          v_(context, start_v_, rotation),
          g_(context, gradients_, rotation),
          high_(context, std::vector<bf16>(start_p_.size()), rotation),
          low_(context, std::vector<int16_t>(start_p_.size()), rotation),
          schedule_(context, {adam_schedule(update_step, rate, beta1, beta2)}, rotation) {}

    void run(int version) override {
        last_ = version;
        const bool split = version == split_version;
        adam_update(context_, AdamArgs<float>{.count = int64_t(start_p_.size()),
                                              .p = split ? nullptr : p_.data(),
                                              .m = m_.data(),
                                              .v = v_.data(),
                                              .g = g_.data(),
                                              .schedule = schedule_.data(),
                                              .beta1 = beta1,
                                              .beta2 = beta2,
                                              .eps = eps,
                                              .high = split ? high_.data() : nullptr,
                                              .low = split ? low_.data() : nullptr});
    }
    /// Back to the start, so that whoever runs next makes the first update.
    void clear() override {
        p_.assign(start_p_);
        m_.assign(start_m_);
        v_.assign(start_v_);
        std::vector<bf16> high;
        std::vector<int16_t> low;
        for (const float value : start_p_) {
            high.push_back(split_f32(value).high);
            low.push_back(split_f32(value).low);
        }
        high_.assign(high);
        low_.assign(low);
    }
    double error() const override {
        std::vector<float> got = p_.values();
        if (last_ == split_version) {
            const auto high = high_.values();
            const auto low = low_.values();
            for (size_t i = 0; i < got.size(); ++i) got[i] = join_f32(high[i], low[i]);
        }
        // Of the changes: the parameters themselves are thousands of times as large.
        std::vector<double> want;
        for (size_t i = 0; i < got.size(); ++i) {
            got[i] -= start_p_[i];
            want.push_back(updated(start_p_[i], start_m_[i], start_v_[i], gradients_[i]) -
                           start_p_[i]);
        }
        return 1e-2 * relative_error(got, want);
    }
    std::vector<KernelReference> references() override {
        if constexpr (std::is_same_v<Context, CpuContext>)
            return {{.name = "composed",
                     .idea = "a pass for m, one for v and one for p, as a framework's ops",
                     .run = [this] { run_composed(); }}};
        return {};
    }

  private:
    void run_composed() {
        last_ = whole_version;
        const AdamSchedule now = adam_schedule(update_step, rate, beta1, beta2);
        float *p = p_.data(), *m = m_.data(), *v = v_.data();
        const float* g = g_.data();
        const auto pass = [&](const auto& element) {
            parallel_chunks(context_, int64_t(start_p_.size()), [&](int64_t begin, int64_t end) {
#pragma omp simd
                for (int64_t i = begin; i < end; ++i) element(i);
            });
        };
        const auto keep1 = float(beta1), add1 = float(1 - beta1);
        const auto keep2 = float(beta2), add2 = float(1 - beta2);
        const auto step = float(now.lr * now.correction1), root = float(now.correction2);
        pass([=](int64_t i) { m[i] = keep1 * m[i] + add1 * g[i]; });
        pass([=](int64_t i) { v[i] = keep2 * v[i] + add2 * g[i] * g[i]; });
        pass([=](int64_t i) { p[i] -= step * m[i] / (std::sqrt(v[i]) * root + float(eps)); });
    }

    Context& context_;
    std::vector<float> start_p_, start_m_, start_v_, gradients_;
    Memory<float> p_, m_, v_, g_;
    Memory<bf16> high_;
    Memory<int16_t> low_;
    Memory<AdamSchedule> schedule_;
    int last_ = whole_version;
};

}  // namespace

const KernelFamily& adam_family() {
    static const KernelFamily family{{adam_name},
                                     default_shape,
                                     versions,
                                     no_check,
                                     work,
                                     no_tensor_cores,
                                     open_f32_case<AdamCase>,
                                     "updates f32 parameters: version 2 has the bf16 weights, too"};
    return family;
}

}  // namespace sg
