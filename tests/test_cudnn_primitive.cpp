#include "kernels/cudnn/primitive.h"
#include "tests/cudnn.h"
#include "tests/devices.h"

using namespace sg;
using namespace sg::testing;

// cuDNN's other operations, which ours are compared with.

namespace {

constexpr float kSlope = 0.25f;

LibraryCall call_of(LibraryOp op, bool bf16) {
    return {.op = op, .N = 2, .H = 6, .W = 8, .C = 16, .bf16 = bf16, .slope = kSlope};
}

/// Element i of the result, but for the sums.
double exact(LibraryOp op, double x, double z) {
    switch (op) {
        case LibraryOp::leaky_relu:
            return x > 0 ? x : kSlope * x;
        case LibraryOp::leaky_relu_backward:
            return z > 0 ? x : kSlope * x;
        case LibraryOp::tanh:
            return std::tanh(x);
        case LibraryOp::add:
            return x + z;
        default:
            return x;
    }
}

std::vector<double> exact(const LibraryCall& call, const std::vector<double>& x,
                          const std::vector<double>& z) {
    const int64_t image = call.size() / call.N;
    std::vector<double> y(size_t(call.op == LibraryOp::sum_rows       ? call.N
                                 : call.op == LibraryOp::sum_channels ? call.C
                                                                      : call.size()));
    for (int64_t i = 0; i < call.size(); ++i)
        if (call.op == LibraryOp::sum_rows)
            y[i / image] += x[i];
        else if (call.op == LibraryOp::sum_channels)
            y[i % call.C] += x[i];
        else
            y[i] = exact(call.op, x[i], z[i]);
    return y;
}

template <class T, class Y>
void check_primitive(CudaDevice& device, const LibraryCall& call) {
    const auto x = rounded<T>(uniform(call.size(), 1)), z = rounded<T>(uniform(call.size(), 2));
    const auto dx = device.input(to<T>(x)), dz = device.input(to<T>(z));
    const auto want = exact(call, x, z);
    auto y = device.output<Y>(int64_t(want.size()));
    const CudnnPrimitive primitive(CudnnTarget(device.context), call);
    auto workspace = device.output<float>((primitive.workspace_bytes() + 3) / 4);
    const bool two = call.op == LibraryOp::add || call.op == LibraryOp::leaky_relu_backward;
    primitive.run({dx.data(), two ? dz.data() : nullptr, y.data()}, workspace.data());
    CHECK(max_error(y.get(), want) < (sizeof(Y) == 2 ? 2 * half_ulp<bf16> : 1e-4));
}

constexpr LibraryOp kPlain[] = {LibraryOp::leaky_relu, LibraryOp::leaky_relu_backward,
                                LibraryOp::tanh, LibraryOp::add};
constexpr LibraryOp kSums[] = {LibraryOp::sum_rows, LibraryOp::sum_channels};

}  // namespace

TEST_CASE("cuDNN has plans for elementwise operations and sums", "[cudnn]") {
    if (!cudnn_compiles()) return;
    for (const int architecture : kDescribed) {
        INFO(architecture);
        const CudnnTarget target = CudnnTarget::described(architecture);
        const auto plan = [&](LibraryOp op, bool bf16) {
            INFO("operation " << int(op) << (bf16 ? " bf16" : " f32"));
            CHECK(CudnnPrimitive(target, call_of(op, bf16)).engine().starts_with("engine "));
        };
        plan(LibraryOp::leaky_relu_backward, true);
        plan(LibraryOp::sum_channels, true);
        if (architecture != 90) continue;  // the others take as long to compile
        for (const bool bf16 : {false, true}) {
            for (const LibraryOp op : kPlain) plan(op, bf16);
            for (const LibraryOp op : kSums) plan(op, bf16);
            plan(LibraryOp::cast, bf16);
        }
        expect_error([&] { CudnnPrimitive(target, call_of(LibraryOp::upsample_forward, false)); },
                     {"cudnn", "not asked to upsample"});
        const CudnnPrimitive add(target, call_of(LibraryOp::add, false));
        expect_error([&] { add.run({}, nullptr); }, {"plans for a described GPU cannot run"});
    }
}

TEST_CASE("cuDNN's elementwise operations and sums equal the textbook", "[cudnn][devices]") {
    if (!cudnn_usable()) return;
    for_gpu([&](auto& device) {
        if constexpr (std::is_same_v<std::decay_t<decltype(device)>, CudaDevice>) {
            if (!device.aligned) return;  // cuDNN is told that operands are
            for (const LibraryOp op : kPlain) {
                check_primitive<float, float>(device, call_of(op, false));
                check_primitive<bf16, bf16>(device, call_of(op, true));
            }
            for (const LibraryOp op : kSums) {
                check_primitive<float, float>(device, call_of(op, false));
                check_primitive<bf16, float>(device, call_of(op, true));
            }
            check_primitive<float, bf16>(device, call_of(LibraryOp::cast, false));
            check_primitive<bf16, float>(device, call_of(LibraryOp::cast, true));
        }
    });
}
