#include "engine/label_bias.h"

#include "engine/ops_conv_detail.h"
#include "engine/run_kernel.h"
#include "kernels/label_concat/label_concat.h"

namespace sg {

using namespace detail;

namespace {

/// Of y [N,H,W,K], labels [N,L] and w [K,R,R,C+L].
LabelBiasShape label_bias_shape(const char* op, const Tensor& y, const Tensor& labels,
                                const Tensor& w) {
    require_rank4(op, y, w);
    const DType master = master_type(y.dtype());
    require(labels.shape().size() == 2 && labels.dim(1) < w.dim(3), op,
            "labels {} for weights {}: expected [N, L] with L below the weights' channels",
            to_string(labels.shape()), to_string(w.shape()));
    require_shape(op, "labels", labels, {y.dim(0), labels.dim(1)}, master);
    require_shape(op, "weights", w, {y.dim(3), w.dim(1), w.dim(1), w.dim(3)}, master);
    return {.N = y.dim(0),
            .H = y.dim(1),
            .W = y.dim(2),
            .K = y.dim(3),
            .L = labels.dim(1),
            .R = w.dim(1)};
}

}  // namespace

void add_labels(const Tensor& y, const Tensor& labels, const Tensor& w) {
    const LabelBiasShape s = label_bias_shape("add_labels", y, labels, w);
    const Tensor table = Tensor::empty(y.device(), {s.N, s.R, s.R, s.K}, labels.dtype());
    run_kernel(y, [&]<class T>(auto& context) {
        using A = acc_t<T>;
        label_bias_table(context, LabelBiasTableArgs<A>{.shape = s,
                                                        .labels = labels.data<A>(),
                                                        .w = w.data<A>() + w.dim(3) - s.L,
                                                        .w_stride = w.dim(3),
                                                        .table = table.data<A>()});
        label_bias_forward(
            context, LabelBiasForwardArgs<T>{
                         .shape = s, .table = table.data<A>(), .relative = true, .y = y.data<T>()});
    });
}

void write_label_gradients(const Tensor& grad_w, const Tensor& grad_y, const Tensor& labels) {
    const LabelBiasShape s = label_bias_shape("write_label_gradients", grad_y, labels, grad_w);
    const Tensor workspace =
        Tensor::empty(grad_y.device(), {label_bias_workspace(s)}, grad_w.dtype());
    run_kernel(grad_y, [&]<class T>(auto& context) {
        using A = acc_t<T>;
        label_bias_backward(
            context, LabelBiasBackwardArgs<T>{.shape = s,
                                              .grad_y = grad_y.data<T>(),
                                              .labels = labels.data<A>(),
                                              .relative = true,
                                              .grad_w = grad_w.data<A>() + grad_w.dim(3) - s.L,
                                              .w_stride = grad_w.dim(3),
                                              .workspace = workspace.data<A>()});
    });
}

}  // namespace sg
