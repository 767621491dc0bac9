#include "kernels/cudnn/graph.h"

namespace sg::cudnn {

namespace {

/// Bytes that addresses are a multiple of: what a vector load needs. Allocations and the arena give
/// more.
constexpr int64_t alignment = 16;

}  // namespace

TensorSpec channels_last(int64_t id, int64_t n, int64_t h, int64_t w, int64_t c,
                         cudnnDataType_t type) {
    return {.id = id, .extents = {n, c, h, w}, .strides = {h * w * c, 1, w * c, c}, .type = type};
}

const Descriptor& Graph::keep(Descriptor&& descriptor) {
    return kept_.emplace_back(std::move(descriptor));
}

const Descriptor& Graph::tensor(const TensorSpec& spec) {
    Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, spec.id)
        .set(CUDNN_ATTR_TENSOR_DATA_TYPE, spec.type)
        .set(CUDNN_ATTR_TENSOR_DIMENSIONS, spec.extents)
        .set(CUDNN_ATTR_TENSOR_STRIDES, spec.strides)
        .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment)
        .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, spec.is_virtual)
        .set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, spec.by_value)
        .finalize();
    return keep(std::move(tensor));
}

const Descriptor& Graph::intermediate(TensorSpec spec, int64_t id) {
    spec.id = id;
    spec.type = CUDNN_DATA_FLOAT;
    spec.is_virtual = true;
    return tensor(spec);
}

void Graph::add(Descriptor&& operation) {
    operation.finalize();
    operations_.push_back(std::move(operation));
}

const Descriptor& Graph::function(cudnnPointwiseMode_t mode, float slope) {
    Descriptor function(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    function.set(CUDNN_ATTR_POINTWISE_MODE, mode)
        .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    if (slope != 0) function.set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, double(slope));
    function.finalize();
    return keep(std::move(function));
}

void Graph::pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor* b,
                      const Descriptor& y, float slope) {
    Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function(mode, slope))
        .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    if (b) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
    add(std::move(operation));
}

void Graph::pointwise_backward(cudnnPointwiseMode_t mode, const Descriptor& grad_y,
                               const Descriptor& x, const Descriptor& grad_x, float slope) {
    Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function(mode, slope))
        .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, grad_y)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, grad_x);
    add(std::move(operation));
}

void Graph::reduce(cudnnReduceTensorOp_t op, const Descriptor& x, const Descriptor& y) {
    Descriptor reduction(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    reduction.set(CUDNN_ATTR_REDUCTION_OPERATOR, op)
        .set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT)
        .finalize();
    Descriptor operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, keep(std::move(reduction)))
        .set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x)
        .set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y);
    add(std::move(operation));
}

void Graph::finish() {
    graph_ = std::make_unique<Descriptor>(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph_->set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations_);
    target_.set_in(*graph_, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, 0);
    graph_->finalize();
}

}  // namespace sg::cudnn
