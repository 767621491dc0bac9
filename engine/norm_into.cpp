#include "engine/norm_into.h"

#include "engine/norm_detail.h"

namespace sg {

using namespace detail;

NormStatistics instance_norm_into(const Tensor& y, const Tensor& x, const Tensor& gamma,
                                  const Tensor& beta, const InstanceNormOptions& options) {
    const char* op = "instance_norm";
    require(x.shape().size() >= 3, op, "input {} needs [N, ..., C]", to_string(x.shape()));
    const InstanceNormShape shape = norm_shape(x);
    const DType master = master_type(x.dtype());
    require_shape(op, "gamma", gamma, {shape.C}, master);
    require_shape(op, "beta", beta, {shape.C}, master);
    require(shape.M > 1, op, "{} has one pixel per channel: its variance is always zero",
            to_string(x.shape()));
    require_same(op, x, y);
    const Tensor& residual = options.residual;
    if (residual) require_same(op, x, residual);
    NormStatistics saved{.mean = Tensor::empty(x.device(), {shape.N, shape.C}, master),
                         .rstd = Tensor::empty(x.device(), {shape.N, shape.C}, master)};
    const Tensor workspace = norm_workspace(x);
    run_kernel(x, [&]<class T>(auto& context) {
        using A = acc_t<T>;
        instance_norm_forward(
            context, InstanceNormForwardArgs<T>{.shape = shape,
                                                .x = x.data<T>(),
                                                .gamma = gamma.data<A>(),
                                                .beta = beta.data<A>(),
                                                .residual = residual ? residual.data<T>() : nullptr,
                                                .relu = options.relu,
                                                .y = y.data<T>(),
                                                .mean = saved.mean.data<A>(),
                                                .rstd = saved.rstd.data<A>(),
                                                .workspace = workspace.data<A>()});
    });
    return saved;
}

NormGradients instance_norm_backward_into(const Tensor& grad_x, const Tensor& grad_y,
                                          const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                          const NormStatistics& saved, bool relu, const Tensor& y) {
    const char* op = "instance_norm_backward";
    require_same(op, x, grad_y);
    require_same(op, x, grad_x);
    if (y) require_same(op, x, y);
    const NormGradients out{.gamma = empty_like(gamma), .beta = empty_like(gamma)};
    const Tensor workspace = norm_workspace(x);
    run_kernel(x, [&]<class T>(auto& context) {
        using A = acc_t<T>;
        instance_norm_backward(context,
                               InstanceNormBackwardArgs<T>{.shape = norm_shape(x),
                                                           .grad_y = grad_y.data<T>(),
                                                           .x = x.data<T>(),
                                                           .gamma = gamma.data<A>(),
                                                           .beta = beta.data<A>(),
                                                           .mean = saved.mean.data<A>(),
                                                           .rstd = saved.rstd.data<A>(),
                                                           .relu = relu,
                                                           .grad_x = grad_x.data<T>(),
                                                           .y = y ? y.data<T>() : nullptr,
                                                           .grad_gamma = out.gamma.data<A>(),
                                                           .grad_beta = out.beta.data<A>(),
                                                           .workspace = workspace.data<A>()});
    });
    return out;
}

}  // namespace sg
