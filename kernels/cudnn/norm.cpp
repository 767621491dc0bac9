#include "kernels/cudnn/norm.h"

#include "kernels/cudnn/plan.h"

namespace sg {

using namespace cudnn;

namespace {

enum Id : int64_t {
    id_x = 1,
    id_y,
    id_gamma,
    id_beta,
    id_mean,
    id_rstd,
    id_eps,
    id_grad_y,
    id_grad_x,
    id_grad_gamma,
    id_grad_beta,
    id_normalised
};

struct Specs {
    InstanceNormShape shape;
    cudnnDataType_t type;

    TensorSpec pixels(int64_t id) const {
        return channels_last(id, shape.N, shape.M, 1, shape.C, type);
    }
    TensorSpec statistics(int64_t id) const {
        return channels_last(id, shape.N, 1, 1, shape.C, CUDNN_DATA_FLOAT);
    }
    TensorSpec parameters(int64_t id) const {
        return channels_last(id, 1, 1, 1, shape.C, CUDNN_DATA_FLOAT);
    }
};

void add_forward(Graph& graph, const Specs& specs, bool relu) {
    TensorSpec eps = channels_last(id_eps, 1, 1, 1, 1, CUDNN_DATA_FLOAT);
    eps.by_value = true;
    const Descriptor& y = graph.tensor(specs.pixels(id_y));
    const Descriptor& normalised = relu ? graph.intermediate(specs.pixels(id_y), id_normalised) : y;
    Descriptor operation(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_INSTANCE_NORM)
        .set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_NORM_FWD_TRAINING)
        .set(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, graph.tensor(specs.pixels(id_x)))
        .set(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, graph.tensor(specs.statistics(id_mean)))
        .set(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC,
             graph.tensor(specs.statistics(id_rstd)))
        .set(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, graph.tensor(specs.parameters(id_gamma)))
        .set(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, graph.tensor(specs.parameters(id_beta)))
        .set(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, graph.tensor(eps))
        .set(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, normalised);
    graph.add(std::move(operation));
    if (relu) graph.pointwise(CUDNN_POINTWISE_RELU_FWD, normalised, nullptr, y);
}

void add_backward(Graph& graph, const Specs& specs) {
    Descriptor operation(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, CUDNN_INSTANCE_NORM)
        .set(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, graph.tensor(specs.pixels(id_x)))
        .set(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, graph.tensor(specs.statistics(id_mean)))
        .set(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC,
             graph.tensor(specs.statistics(id_rstd)))
        .set(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, graph.tensor(specs.pixels(id_grad_y)))
        .set(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, graph.tensor(specs.parameters(id_gamma)))
        .set(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC,
             graph.tensor(specs.parameters(id_grad_gamma)))
        .set(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, graph.tensor(specs.parameters(id_grad_beta)))
        .set(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, graph.tensor(specs.pixels(id_grad_x)));
    graph.add(std::move(operation));
}

}  // namespace

struct CudnnInstanceNorm::Impl {
    Pass pass;
    Graph graph;
    std::unique_ptr<Plan> plan;
};

CudnnInstanceNorm::CudnnInstanceNorm(const CudnnTarget& target, Pass pass,
                                     const InstanceNormShape& shape, Type type)
    : impl_(new Impl{pass, Graph(target), nullptr}) {
    check_instance_norm("cudnn", shape);
    const Specs specs{shape, type == Type::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT};
    if (pass == Pass::backward)
        add_backward(impl_->graph, specs);
    else
        add_forward(impl_->graph, specs, pass == Pass::forward_relu);
    impl_->graph.finish();
    impl_->plan = first_plan(impl_->graph);
    require(impl_->plan != nullptr, "cudnn", "no engine normalises [{}, {}, {}] in {}", shape.N,
            shape.M, shape.C, type == Type::bf16 ? "bf16" : "f32");
}

CudnnInstanceNorm::~CudnnInstanceNorm() = default;

int64_t CudnnInstanceNorm::workspace_bytes() const {
    return impl_->plan->workspace_bytes();
}

std::string CudnnInstanceNorm::engine() const {
    return impl_->plan->name();
}

void CudnnInstanceNorm::run(const Operands& o, void* workspace) const {
    static const float eps = float(instance_norm_eps);
    if (impl_->pass == Pass::backward)
        impl_->plan->run({{id_x, o.x},
                          {id_grad_y, o.grad_y},
                          {id_gamma, o.gamma},
                          {id_mean, o.mean},
                          {id_rstd, o.rstd},
                          {id_grad_x, o.grad_x},
                          {id_grad_gamma, o.grad_gamma},
                          {id_grad_beta, o.grad_beta}},
                         workspace);
    else
        impl_->plan->run({{id_x, o.x},
                          {id_gamma, o.gamma},
                          {id_beta, o.beta},
                          {id_eps, &eps},
                          {id_y, o.y},
                          {id_mean, o.mean},
                          {id_rstd, o.rstd}},
                         workspace);
}

}  // namespace sg
