#include "kernels/cudnn/conv_provider.h"

#include "kernels/cudnn/plan.h"

namespace sg {

using namespace cudnn;

namespace {

enum Id : int64_t { id_a = 1, id_b, id_bias, id_result, id_sum, id_biased };

/// Where a pass has its operands, in cuDNN's names.
struct PassAttributes {
    cudnnBackendDescriptorType_t operation;
    cudnnBackendAttributeName_t convolution, a, b, result, alpha, beta;
};
PassAttributes attributes(ConvPass pass) {
    switch (pass) {
        case ConvPass::forward:
            return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
        case ConvPass::dgrad:
            return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
        case ConvPass::wgrad:
            break;
    }
    return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

struct Tensors {
    TensorSpec a, b, result;
};
Tensors tensors(const ConvCall& call) {
    const bool narrow = call.arithmetic == ConvArithmetic::bf16;
    const bool wide_result = call.wide_result || call.pass == ConvPass::wgrad;
    const auto in = narrow ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const auto out = narrow && !wide_result ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const ConvShape& s = call.shape;
    const auto x = [&](int64_t id, auto type) {
        return channels_last(id, s.N, s.H, s.W, s.C, type);
    };
    const auto w = [&](int64_t id, auto type) {
        return channels_last(id, s.K, s.R, s.S, s.C, type);
    };
    const auto y = [&](int64_t id, auto type) {
        return channels_last(id, s.N, s.P(), s.Q(), s.K, type);
    };
    switch (call.pass) {
        case ConvPass::forward:
            return {x(id_a, in), w(id_b, in), y(id_result, out)};
        case ConvPass::dgrad:
            return {y(id_a, in), w(id_b, in), x(id_result, out)};
        case ConvPass::wgrad:
            break;
    }
    return {x(id_a, in), y(id_b, in), w(id_result, out)};
}

/// result = conv(a, b), without what comes after.
void add_convolution(Graph& graph, const ConvCall& call, const Descriptor& a, const Descriptor& b,
                     const Descriptor& result) {
    using Pair = std::array<int64_t, 2>;
    const ConvShape& s = call.shape;
    Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t(2))
        .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
        .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
        .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, Pair{s.pad, s.pad})
        .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, Pair{s.pad, s.pad})
        .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, Pair{s.stride, s.stride})
        .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, Pair{1, 1})
        .finalize();
    const PassAttributes names = attributes(call.pass);
    Descriptor operation(names.operation);
    operation.set(names.convolution, graph.keep(std::move(convolution)))
        .set(names.a, a)
        .set(names.b, b)
        .set(names.result, result)
        .set(names.alpha, 1.0f)
        .set(names.beta, 0.0f);
    graph.add(std::move(operation));
}

/// conv -> + bias -> leaky ReLU -> result, with what lies between in f32. bf16 that becomes f32
/// passes through an identity, because cuDNN's convolutions themselves return what they were given.
void add_operations(Graph& graph, const ConvCall& call) {
    const Tensors t = tensors(call);
    const Descriptor& a = graph.tensor(t.a);
    const Descriptor& b = graph.tensor(t.b);
    const Descriptor& result = graph.tensor(t.result);
    const bool leaky = call.slope != 1;
    const bool widen = t.result.type != t.a.type;
    if (!call.bias && !leaky && !widen) return add_convolution(graph, call, a, b, result);

    const Descriptor* value = &graph.intermediate(t.result, id_sum);
    add_convolution(graph, call, a, b, *value);
    if (call.bias) {
        const Descriptor& bias =
            graph.tensor(channels_last(id_bias, 1, 1, 1, t.result.extents[1], CUDNN_DATA_FLOAT));
        const Descriptor& sum = leaky ? graph.intermediate(t.result, id_biased) : result;
        graph.pointwise(CUDNN_POINTWISE_ADD, *value, &bias, sum);
        value = &sum;
    }
    if (leaky) graph.pointwise(CUDNN_POINTWISE_RELU_FWD, *value, nullptr, result, call.slope);
    if (!call.bias && !leaky) graph.pointwise(CUDNN_POINTWISE_IDENTITY, *value, nullptr, result);
}

std::unique_ptr<Graph> graph_of(const CudnnTarget& target, const ConvCall& call) {
    auto graph = std::make_unique<Graph>(target);
    add_operations(*graph, call);
    graph->finish();
    return graph;
}

Demands demands_of(const ConvCall& call) {
    return {.strict_f32 = call.arithmetic == ConvArithmetic::f32};
}

class CudnnConv : public ConvImplementation {
  public:
    CudnnConv(const CudnnTarget& target, const ConvCall& call, const std::string& candidate)
        : call_(call),
          graph_(graph_of(target, call)),
          plan_(*graph_, candidate, demands_of(call)) {}

    int64_t workspace_bytes() const override { return plan_.workspace_bytes(); }

    void run(const ConvOperands& operands, void* workspace) override {
        std::vector<Binding> bindings = {
            {id_a, operands.a}, {id_b, operands.b}, {id_result, operands.result}};
        if (call_.bias) bindings.push_back({id_bias, operands.bias});
        try {
            plan_.run(bindings, workspace);
        } catch (const Error& error) {
            throw Error("cudnn", fmt::format("{}: {}", to_string(call_), error.fact()));
        }
    }

  private:
    ConvCall call_;
    std::unique_ptr<Graph> graph_;
    Plan plan_;
};

}  // namespace

std::vector<std::string> CudnnConvProvider::candidates(const ConvCall& call) {
    check_conv_shape("cudnn", call.shape);
    // Weights' gradients have no channel of the result to add a bias to.
    if (call.pass == ConvPass::wgrad && (call.bias || call.slope != 1)) return {};
    try {
        return cudnn::candidates(*graph_of(target_, call), demands_of(call), most_);
    } catch (const StatusError& error) {
        if (error.not_supported()) return {};
        throw Error("cudnn", fmt::format("{}: {}", to_string(call), error.fact()));
    }
}

std::unique_ptr<ConvImplementation> CudnnConvProvider::build(const ConvCall& call,
                                                             const std::string& candidate) {
    try {
        return std::make_unique<CudnnConv>(target_, call, candidate);
    } catch (const Error& error) {
        throw Error("cudnn", fmt::format("{}: {}: {}", to_string(call), candidate, error.fact()));
    }
}

}  // namespace sg
