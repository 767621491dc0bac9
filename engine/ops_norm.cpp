#include "engine/norm_detail.h"
#include "engine/norm_into.h"
#include "kernels/label_concat/label_concat.h"

namespace sg {

namespace {

std::vector<Tensor> double_backward(const std::vector<Tensor>& cotangents, const Tensor& grad_y,
                                    const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                    const NormStatistics& saved, bool relu) {
    const InstanceNormShape shape = detail::norm_shape(x);
    Tensor grad_grad_y = detail::empty_like(x), grad_x = detail::empty_like(x);
    Tensor grad_gamma = detail::empty_like(gamma);
    const Tensor workspace = detail::norm_workspace(x);
    run_kernel(x, [&]<class T>(auto& context) {
        using A = acc_t<T>;
        const auto optional = [](const Tensor& t) { return t ? t.data<A>() : nullptr; };
        instance_norm_double_backward(
            context, InstanceNormDoubleBackwardArgs<T>{
                         .shape = shape,
                         .grad_grad_x = cotangents[0] ? cotangents[0].data<T>() : nullptr,
                         .grad_grad_gamma = optional(cotangents[1]),
                         .grad_grad_beta = optional(cotangents[2]),
                         .grad_y = grad_y.data<T>(),
                         .x = x.data<T>(),
                         .gamma = gamma.data<A>(),
                         .beta = beta.data<A>(),
                         .mean = saved.mean.data<A>(),
                         .rstd = saved.rstd.data<A>(),
                         .relu = relu,
                         .grad_grad_y = grad_grad_y.data<T>(),
                         .grad_x = grad_x.data<T>(),
                         .grad_gamma = grad_gamma.data<A>(),
                         .workspace = workspace.data<A>()});
    });
    std::vector<Tensor> inputs = cotangents;
    inputs.insert(inputs.end(), {grad_y, x, gamma, beta});
    return record("instance_norm_double_backward", {grad_grad_y, grad_x, grad_gamma}, inputs,
                  not_differentiable("instance_norm_double_backward"));
}

std::vector<Tensor> backward(const Tensor& grad_y, const Tensor& x, const Tensor& gamma,
                             const Tensor& beta, const NormStatistics& saved, bool relu) {
    const Tensor grad_x = detail::empty_like(x);
    const NormGradients by =
        instance_norm_backward_into(grad_x, grad_y, x, gamma, beta, saved, relu);
    return record("instance_norm_backward", {grad_x, by.gamma, by.beta}, {grad_y, x, gamma, beta},
                  [=](const auto& cotangents, const Needs&) -> std::vector<Tensor> {
                      auto out = double_backward(cotangents, grad_y, x, gamma, beta, saved, relu);
                      return {out[0], out[1], out[2], Tensor()};  // beta moves nothing
                  });
}

}  // namespace

Tensor instance_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                     const InstanceNormOptions& options) {
    const Tensor y = detail::empty_like(x);
    // Constants, as far as the tape is concerned: the kernels' formulas account for x in them.
    const NormStatistics saved = instance_norm_into(y, x, gamma, beta, options);
    return record(
        "instance_norm", y, {x, gamma, beta, options.residual},
        [=, relu = options.relu](const auto& grads, const Needs& needs) -> std::vector<Tensor> {
            if (!needs[0] && !needs[1] && !needs[2]) return {{}, {}, {}, grads[0]};
            auto out = backward(grads[0], x, gamma, beta, saved, relu);
            return {out[0], out[1], out[2], grads[0]};
        });
}

Tensor label_concat(const Tensor& x, const Tensor& labels) {
    const char* op = "label_concat";
    require(x.shape().size() == 4 && labels.shape().size() == 2 && labels.dim(0) == x.dim(0) &&
                labels.dtype() == master_type(x.dtype()),
            op, "image {} {} (NHWC) and labels {} {} ([N, L]) do not belong together",
            to_string(x.dtype()), to_string(x.shape()), to_string(labels.dtype()),
            to_string(labels.shape()));
    const int64_t N = x.dim(0), M = detail::pixels(x), C = x.dim(3), L = labels.dim(1);
    Tensor y = Tensor::empty(x.device(), {N, x.dim(1), x.dim(2), C + L}, x.dtype());
    run_kernel(x, [&]<class T>(auto& context) {
        label_concat_forward(context, LabelConcatForwardArgs<T>{.N = N,
                                                                .M = M,
                                                                .C = C,
                                                                .L = L,
                                                                .x = x.data<T>(),
                                                                .labels = labels.data<acc_t<T>>(),
                                                                .y = y.data<T>()});
    });
    return record(op, y, {x}, [C](const auto& grads, const Needs&) {
        return std::vector{label_concat_backward(grads[0], C)};
    });
}

Tensor label_concat_backward(const Tensor& grad_y, int64_t channels) {
    const char* op = "label_concat_backward";
    require(grad_y.shape().size() == 4 && channels > 0 && channels < grad_y.dim(3), op,
            "{} channels of {}", channels, to_string(grad_y.shape()));
    const int64_t N = grad_y.dim(0), M = detail::pixels(grad_y), L = grad_y.dim(3) - channels;
    Tensor grad_x =
        Tensor::empty(grad_y.device(), {N, grad_y.dim(1), grad_y.dim(2), channels}, grad_y.dtype());
    run_kernel(grad_y, [&]<class T>(auto& context) {
        label_concat_backward(context, LabelConcatBackwardArgs<T>{.N = N,
                                                                  .M = M,
                                                                  .C = channels,
                                                                  .L = L,
                                                                  .grad_y = grad_y.data<T>(),
                                                                  .grad_x = grad_x.data<T>()});
    });
    return record(op, grad_x, {grad_y}, [N, L](const auto& grads, const Needs&) {
        const Tensor& u = grads[0];
        return std::vector{
            label_concat(u, Tensor::zeros(u.device(), {N, L}, master_type(u.dtype())))};
    });
}

}  // namespace sg
