#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/library_references.h"
#include "kernels/pointwise/pointwise.h"

// One kernel of each kind of traffic: one operand, two, another type, another order.

namespace sg {

namespace {

constexpr float slope = 0.01f;  // D's (the paper's table 5)

LibraryOp op_of(const std::string& kernel) {
    if (kernel == "leaky_relu") return LibraryOp::leaky_relu;
    if (kernel == "leaky_relu_backward") return LibraryOp::leaky_relu_backward;
    if (kernel == "tanh") return LibraryOp::tanh;
    if (kernel == "add") return LibraryOp::add;
    return kernel == "cast" ? LibraryOp::cast : LibraryOp::transpose;
}
bool has_two_operands(LibraryOp op) {
    return op == LibraryOp::leaky_relu_backward || op == LibraryOp::add;
}

const char* default_shape(const std::string& device) {
    return device == "sim" ? "2x16x16x64" : "16x64x64x64";  // what D's first layer makes
}

std::span<const LadderVersion> versions(const std::string& kernel, bool cpu) {
    static constexpr LadderVersion flat[] = {
        {1, "flat", "16 bytes a thread, as many blocks as fit"}};
    static constexpr LadderVersion tiles[] = {
        {1, "tiles", "32 x 32 values through shared memory, rows in and columns out"}};
    static constexpr LadderVersion chunks[] = {
        {1, "chunks", "16,384 elements a thread, vector by vector"}};
    static constexpr LadderVersion rows[] = {{1, "rows", "row after row of the result"}};
    const bool moved = op_of(kernel) == LibraryOp::transpose;
    if (cpu) return moved ? rows : chunks;
    return moved ? tiles : flat;
}

KernelWork work(const KernelBenchmark& b) {
    const LibraryOp op = op_of(b.kernel);
    const int64_t type = b.bf16 ? 2 : 4, count = b.norm.size();
    if (op == LibraryOp::cast) return {.bytes = (2 + 4) * count};
    if (op == LibraryOp::transpose) return {.bytes = 2 * type * count};
    constexpr double operations_of_tanh = 20;
    return {.bytes = (has_two_operands(op) ? 3 : 2) * type * count,
            .flops = (op == LibraryOp::tanh ? operations_of_tanh : 1) * double(count)};
}

/// x to the eight significant bits of bf16, halves to even.
double rounded_to_bf16(double x) {
    int exponent = 0;
    const double mantissa = std::frexp(x, &exponent);
    return std::ldexp(std::nearbyint(std::ldexp(mantissa, 8)), exponent - 8);
}

/// The formula of one element of the result.
double textbook(LibraryOp op, bool bf16, double x, double z) {
    switch (op) {
        case LibraryOp::leaky_relu:
            return x > 0 ? x : double(slope) * x;
        case LibraryOp::leaky_relu_backward:
            return z > 0 ? x : double(slope) * x;
        case LibraryOp::tanh:
            return std::tanh(x);
        case LibraryOp::add:
            return x + z;
        case LibraryOp::cast:
            return bf16 ? x : rounded_to_bf16(x);
        default:
            return x;
    }
}

template <class Context, class T>
class PointwiseCase : public KernelCase {
    using Other = std::conditional_t<std::is_same_v<T, float>, bf16, float>;  // that a cast makes

  public:
    PointwiseCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          call_{.op = op_of(b.kernel),
                .N = b.conv.N,
                .H = b.conv.H,
                .W = b.conv.W,
                .C = b.conv.C,
                .bf16 = b.bf16,
                .slope = slope},
          x_(context, uniform_values<T>(call_.size(), 1, -2, 2), rotation),
          z_(context, uniform_values<T>(has_two_operands(call_.op) ? call_.size() : 0, 2, -1, 1),
             rotation),
          y_(context, std::vector<T>(casts() ? 0 : call_.size()), rotation),
          other_(context, std::vector<Other>(casts() ? call_.size() : 0), rotation) {}

    void run(int) override {
        const int64_t count = call_.size();
        switch (call_.op) {
            case LibraryOp::leaky_relu:
                return unary(context_, UnaryArgs<T>{.op = Unary::leaky_relu,
                                                    .count = count,
                                                    .x = x_.data(),
                                                    .y = y_.data(),
                                                    .a = slope});
            case LibraryOp::tanh:
                return unary(
                    context_,
                    UnaryArgs<T>{
                        .op = Unary::tanh, .count = count, .x = x_.data(), .y = y_.data()});
            case LibraryOp::leaky_relu_backward:
                return run_binary(Binary::leaky_relu_backward, slope);
            case LibraryOp::add:
                return run_binary(Binary::add, 1);
            case LibraryOp::cast:
                return cast(context_,
                            CastArgs<T, Other>{.count = count, .x = x_.data(), .y = other_.data()});
            default:  // [N, C, HW] to [N, HW, C]
                return transpose(context_, TransposeArgs<T>{.outer = call_.N,
                                                            .rows = call_.C,
                                                            .columns = call_.H * call_.W,
                                                            .x = x_.data(),
                                                            .y = y_.data()});
        }
    }
    void clear() override {
        y_.clear();
        other_.clear();
    }
    double error() const override {
        const std::vector<T> x = x_.values(), z = z_.values();
        const int64_t plane = call_.H * call_.W, image = plane * call_.C;
        std::vector<double> want;
        for (int64_t i = 0; i < call_.size(); ++i) {
            int64_t from = i;
            if (call_.op == LibraryOp::transpose)
                from = i / image * image + i % call_.C * plane + i % image / call_.C;
            want.push_back(
                textbook(call_.op, call_.bf16, float(x[from]), z.empty() ? 0 : float(z[i])));
        }
        return casts() ? relative_error(other_.values(), want) : relative_error(y_.values(), want);
    }
    std::vector<KernelReference> references() override {
        return library_references(context_, call_, [this]() -> LibraryOperands {
            const bool two = has_two_operands(call_.op);
            return {x_.data(), two ? z_.data() : nullptr,
                    casts() ? static_cast<void*>(other_.data()) : y_.data()};
        });
    }

  private:
    bool casts() const { return call_.op == LibraryOp::cast; }
    void run_binary(Binary op, double a) {
        binary(context_, BinaryArgs<T>{.op = op,
                                       .count = call_.size(),
                                       .x = x_.data(),
                                       .z = z_.data(),
                                       .y = y_.data(),
                                       .a = a});
    }

    Context& context_;
    LibraryCall call_;
    DeviceMemory<Context, T> x_, z_, y_;
    DeviceMemory<Context, Other> other_;
};

}  // namespace

const KernelFamily& pointwise_family() {
    static const KernelFamily family{
        {"leaky_relu", "leaky_relu_backward", "tanh", "add", "cast", "transpose"},
        default_shape,
        versions,
        no_check,
        work,
        no_tensor_cores,
        open_case<PointwiseCase>};
    return family;
}

}  // namespace sg
