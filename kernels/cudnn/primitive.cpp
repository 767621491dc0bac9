#include "kernels/cudnn/primitive.h"

#include "kernels/cudnn/plan.h"

namespace sg {

using namespace cudnn;

namespace {

enum Id : int64_t { id_x = 1, id_z, id_y };

/// All values in a row, as a pass over memory sees them.
TensorSpec flat(int64_t id, const LibraryCall& c, cudnnDataType_t type) {
    return channels_last(id, 1, 1, c.size() / c.C, c.C, type);
}

void build_pointwise(Graph& graph, const LibraryCall& c, cudnnDataType_t type) {
    const Descriptor& x = graph.tensor(flat(id_x, c, type));
    const auto result = [&](cudnnDataType_t of) -> const Descriptor& {
        return graph.tensor(flat(id_y, c, of));
    };
    switch (c.op) {
        case LibraryOp::leaky_relu:
            return graph.pointwise(CUDNN_POINTWISE_RELU_FWD, x, nullptr, result(type), c.slope);
        case LibraryOp::leaky_relu_backward:
            return graph.pointwise_backward(CUDNN_POINTWISE_RELU_BWD, x,
                                            graph.tensor(flat(id_z, c, type)), result(type),
                                            c.slope);
        case LibraryOp::tanh:
            return graph.pointwise(CUDNN_POINTWISE_TANH_FWD, x, nullptr, result(type));
        case LibraryOp::add: {
            const Descriptor& z = graph.tensor(flat(id_z, c, type));
            return graph.pointwise(CUDNN_POINTWISE_ADD, x, &z, result(type));
        }
        default:
            return graph.pointwise(CUDNN_POINTWISE_IDENTITY, x, nullptr,
                                   result(c.bf16 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16));
    }
}

/// Both as [N, H, W, C] in cuDNN's count; x in memory as [N, C, H, W].
void build_transpose(Graph& graph, const LibraryCall& c, cudnnDataType_t type) {
    TensorSpec x = channels_last(id_x, c.N, c.H, c.W, c.C, type);
    x.strides = {c.C * c.H * c.W, c.H * c.W, c.W, 1};
    graph.pointwise(CUDNN_POINTWISE_IDENTITY, graph.tensor(x), nullptr,
                    graph.tensor(channels_last(id_y, c.N, c.H, c.W, c.C, type)));
}

/// Of samples as channels of one pixel, or of pixels: it does not sum both at once.
void build_sum(Graph& graph, const LibraryCall& c, cudnnDataType_t type) {
    const bool rows = c.op == LibraryOp::sum_rows;
    const auto f32 = CUDNN_DATA_FLOAT;
    const TensorSpec x =
        rows ? channels_last(id_x, c.N, 1, 1, c.size() / c.N, type) : flat(id_x, c, type);
    const TensorSpec y =
        rows ? channels_last(id_y, c.N, 1, 1, 1, f32) : channels_last(id_y, 1, 1, 1, c.C, f32);
    graph.reduce(CUDNN_REDUCE_TENSOR_ADD, graph.tensor(x), graph.tensor(y));
}

}  // namespace

struct CudnnPrimitive::Impl {
    Graph graph;
    LibraryCall call;
    std::unique_ptr<Plan> plan;
};

CudnnPrimitive::CudnnPrimitive(const CudnnTarget& target, const LibraryCall& call)
    : impl_(new Impl{Graph(target), call, nullptr}) {
    Graph& graph = impl_->graph;
    const auto type = call.bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    switch (call.op) {
        case LibraryOp::upsample_forward:
        case LibraryOp::upsample_backward:
            throw Error("cudnn", "it is not asked to upsample");
        case LibraryOp::sum_rows:
        case LibraryOp::sum_channels:
            build_sum(graph, call, type);
            break;
        case LibraryOp::transpose:
            build_transpose(graph, call, type);
            break;
        default:
            build_pointwise(graph, call, type);
    }
    graph.finish();
    impl_->plan = first_plan(graph);
    require(impl_->plan != nullptr, "cudnn", "no engine computes it");
}

CudnnPrimitive::~CudnnPrimitive() = default;

int64_t CudnnPrimitive::workspace_bytes() const {
    return impl_->plan->workspace_bytes();
}

std::string CudnnPrimitive::engine() const {
    return impl_->plan->name();
}

void CudnnPrimitive::run(const LibraryOperands& operands, void* workspace) const {
    std::vector<Binding> bindings{{id_x, operands.x}, {id_y, operands.y}};
    if (operands.z != nullptr) bindings.push_back({id_z, operands.z});
    impl_->plan->run(bindings, workspace);
}

}  // namespace sg
