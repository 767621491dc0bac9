#include <limits>

#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/library_references.h"
#include "kernels/reduce/reduce.h"

namespace sg {

namespace {

constexpr const char *rows_name = "sum_rows", *channels_name = "sum_channels";
constexpr const char* finite_name = "find_non_finite";
constexpr int32_t tensor_number = 7;

const char* default_shape(const std::string& device) {
    return device == "sim" ? "2x16x16x64" : "16x64x64x64";  // what D's first layer makes
}

std::span<const LadderVersion> versions(const std::string& kernel, bool) {
    static constexpr LadderVersion sums[] = {
        {1, "pieces", "pieces of fixed extents, whose sums are added in order"}};
    static constexpr LadderVersion search[] = {{1, "flat", "x - x is 0 for what is finite"}};
    return kernel == finite_name ? search : sums;
}

KernelWork work(const KernelBenchmark& b) {
    return {.bytes = (b.bf16 ? 2 : 4) * b.norm.size(), .flops = double(b.norm.size())};
}

/// sum_rows: of each image. sum_channels: of each channel. find_non_finite: the last value is
/// infinite, so that all has to be looked at.
template <class Context, class T>
class ReduceCase : public KernelCase {
  public:
    ReduceCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          kernel_(b.kernel),
          call_{.op = kernel_ == rows_name ? LibraryOp::sum_rows : LibraryOp::sum_channels,
                .N = b.conv.N,
                .H = b.conv.H,
                .W = b.conv.W,
                .C = b.conv.C,
                .bf16 = b.bf16},
          rows_(kernel_ == rows_name ? call_.N : call_.size() / call_.C),
          columns_(call_.size() / rows_),
          x_(context, values(), rotation),
          y_(context, std::vector<float>(kernel_ == rows_name ? rows_ : columns_), rotation),
          workspace_(context, std::vector<float>(sum_workspace(rows_, columns_)), rotation),
          report_(context, {FiniteReport{}}, rotation) {}

    void run(int) override {
        if (kernel_ == finite_name)
            return find_non_finite(context_, NonFiniteArgs<T>{.count = call_.size(),
                                                              .x = x_.data(),
                                                              .number = tensor_number,
                                                              .report = report_.data()});
        const SumArgs<T> args{.rows = rows_,
                              .columns = columns_,
                              .x = x_.data(),
                              .y = y_.data(),
                              .workspace = workspace_.data()};
        if (kernel_ == rows_name)
            sum_rows(context_, args);
        else
            sum_channels(context_, args);
    }
    void clear() override {
        y_.clear();
        report_.assign({FiniteReport{}});
    }
    double error() const override {
        if (kernel_ == finite_name) return report_.values()[0].tensor == tensor_number ? 0 : 1;
        const std::vector<T> x = x_.values();
        std::vector<double> want(size_t(kernel_ == rows_name ? rows_ : columns_));
        for (int64_t i = 0; i < call_.size(); ++i)
            want[kernel_ == rows_name ? i / columns_ : i % columns_] += double(float(x[i]));
        return relative_error(y_.values(), want);
    }
    std::vector<KernelReference> references() override {
        if (kernel_ == finite_name) return {};
        return library_references(context_, call_, [this]() -> LibraryOperands {
            return {x_.data(), nullptr, y_.data()};
        });
    }

  private:
    std::vector<T> values() const {
        auto x = uniform_values<T>(call_.size(), 1, -1, 1);
        if (kernel_ == finite_name) x.back() = T(std::numeric_limits<float>::infinity());
        return x;
    }

    Context& context_;
    std::string kernel_;
    LibraryCall call_;
    int64_t rows_, columns_;
    DeviceMemory<Context, T> x_;
    DeviceMemory<Context, float> y_, workspace_;
    DeviceMemory<Context, FiniteReport> report_;
};

}  // namespace

const KernelFamily& reduce_family() {
    static const KernelFamily family{{rows_name, channels_name, finite_name},
                                     default_shape,
                                     versions,
                                     no_check,
                                     work,
                                     no_tensor_cores,
                                     open_case<ReduceCase>};
    return family;
}

}  // namespace sg
