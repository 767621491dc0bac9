#include "engine/ops_conv_detail.h"

namespace sg {

using namespace detail;

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& given) {
    require_rank4("conv2d", x, w);
    const ConvOptions options = with_layer(given, w);
    const ConvShape s = make_shape("conv2d", x.shape(), w.shape(), options);
    const DType compute = compute_type(x, options), out = out_type(x, options);
    require_weight("conv2d", w, compute);
    if (bias) detail::require_shape("conv2d", "bias", bias, {s.K}, master_type(compute));
    const Tensor x_compute = operand(x, compute), weight = weight_operand(w, compute);
    Tensor y = Tensor::empty(x.device(), {s.N, s.P(), s.Q(), s.K}, out);
    const Workspace workspace(x.device(), ConvPass::forward, s, options, compute, out, bool(bias));
    run_conv("conv2d", options, x.device(), compute, out, [&]<class T, class Out>(auto& context) {
        using W = WeightType<T, std::decay_t<decltype(context)>>;
        conv_forward(context, ConvForwardArgs<T, Out, W>{
                                  .shape = s,
                                  .x = x_compute.data<T>(),
                                  .w = weight.data<W>(),
                                  .epilogue = {.bias = bias ? bias.data<acc_t<T>>() : nullptr},
                                  .y = y.data<Out>(),
                                  .weight_version = w.version(),
                                  .math = options.math,
                                  .workspace = workspace.data(),
                                  .workspace_size = workspace.size()});
    });
    return record("conv2d", y, {x, w, bias},
                  [=](const auto& grads, const Needs& needs) -> std::vector<Tensor> {
                      const Tensor& grad_y = grads[0];
                      const auto by_x = derived(options, compute, x.dtype());
                      const auto by_w = derived(options, compute, w.dtype());
                      // Not recording: x as rounded for the forward pass saves doing it again.
                      const Tensor& input = grad_enabled() ? x : x_compute;
                      return {needs[0] ? conv2d_dgrad(grad_y, w, s.H, s.W, by_x) : Tensor(),
                              needs[1] ? conv2d_wgrad(input, grad_y, s.R, s.S, by_w) : Tensor(),
                              needs[2] ? sum_channels(grad_y) : Tensor()};
                  });
}

Tensor conv2d_dgrad(const Tensor& grad_y, const Tensor& w, int64_t height, int64_t width,
                    const ConvOptions& given) {
    require_rank4("conv2d_dgrad", grad_y, w);
    const ConvOptions options = with_layer(given, w);
    const Shape x_shape{grad_y.dim(0), height, width, w.dim(3)};
    const ConvShape s = make_shape("conv2d_dgrad", x_shape, w.shape(), options);
    const DType compute = compute_type(grad_y, options), out = out_type(grad_y, options);
    detail::require_shape("conv2d_dgrad", "grad_y", grad_y, {s.N, s.P(), s.Q(), s.K},
                          grad_y.dtype());
    require_weight("conv2d_dgrad", w, compute);
    const Tensor grad_compute = operand(grad_y, compute), weight = weight_operand(w, compute);
    Tensor grad_x = Tensor::empty(grad_y.device(), x_shape, out);
    const Workspace workspace(w.device(), ConvPass::dgrad, s, options, compute, out);
    run_conv("conv2d_dgrad", options, w.device(), compute, out,
             [&]<class T, class Out>(auto& context) {
                 using W = WeightType<T, std::decay_t<decltype(context)>>;
                 conv_dgrad(context, ConvDgradArgs<T, Out, W>{.shape = s,
                                                              .grad_y = grad_compute.data<T>(),
                                                              .w = weight.data<W>(),
                                                              .grad_x = grad_x.data<Out>(),
                                                              .weight_version = w.version(),
                                                              .math = options.math,
                                                              .workspace = workspace.data(),
                                                              .workspace_size = workspace.size()});
             });
    return record("conv2d_dgrad", grad_x, {grad_y, w},
                  [=](const auto& grads, const Needs& needs) -> std::vector<Tensor> {
                      const Tensor& u = grads[0];
                      const auto by_y = derived(options, compute, grad_y.dtype());
                      const auto by_w = derived(options, compute, w.dtype());
                      const Tensor& cotangent = grad_enabled() ? grad_y : grad_compute;
                      return {needs[0] ? conv2d(u, w, {}, by_y) : Tensor(),
                              needs[1] ? conv2d_wgrad(u, cotangent, s.R, s.S, by_w) : Tensor()};
                  });
}

Tensor conv2d_wgrad(const Tensor& x, const Tensor& grad_y, int64_t rows, int64_t columns,
                    const ConvOptions& options) {
    require_rank4("conv2d_wgrad", x, grad_y);
    const Shape w_shape{grad_y.dim(3), rows, columns, x.dim(3)};
    const ConvShape s = make_shape("conv2d_wgrad", x.shape(), w_shape, options);
    const DType compute = compute_type(x, options);
    detail::require_shape("conv2d_wgrad", "grad_y", grad_y, {s.N, s.P(), s.Q(), s.K},
                          grad_y.dtype());
    const Tensor x_compute = operand(x, compute), grad_compute = operand(grad_y, compute);
    const DType out = master_type(compute);
    Tensor grad_w = Tensor::empty(x.device(), w_shape, out);
    const Workspace workspace(x.device(), ConvPass::wgrad, s, options, compute, out);
    const auto run = [&]<class T>(auto& context) {
        conv_wgrad(context, ConvWgradArgs<T>{.shape = s,
                                             .x = x_compute.data<T>(),
                                             .grad_y = grad_compute.data<T>(),
                                             .grad_w = grad_w.data<acc_t<T>>(),
                                             .math = options.math,
                                             .workspace = workspace.data(),
                                             .workspace_size = workspace.size()});
    };
    in_layer(options, [&] { run_kernel(x_compute, run); });
    return record("conv2d_wgrad", grad_w, {x, grad_y},
                  [=](const auto& grads, const Needs& needs) -> std::vector<Tensor> {
                      const Tensor& v = grads[0];  // a weight
                      const auto by_x = derived(options, compute, x.dtype());
                      const auto by_y = derived(options, compute, grad_y.dtype());
                      const Tensor& input = grad_enabled() ? x : x_compute;
                      const Tensor& cotangent = grad_enabled() ? grad_y : grad_compute;
                      return {needs[0] ? conv2d_dgrad(cotangent, v, s.H, s.W, by_x) : Tensor(),
                              needs[1] ? conv2d(input, v, {}, by_y) : Tensor()};
                  });
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const ConvOptions& options) {
    require_rank4("conv_transpose2d", x, w);
    require(x.dim(3) == w.dim(0), "conv_transpose2d",
            "input {} (NHWC) has {} channels, weight {} (KRSC) expects {}", to_string(x.shape()),
            x.dim(3), to_string(w.shape()), w.dim(0));
    const auto extent = [&](int64_t in, int64_t taps) {
        return (in - 1) * options.stride - 2 * options.pad + taps;
    };
    return conv2d_dgrad(x, w, extent(x.dim(1), w.dim(1)), extent(x.dim(2), w.dim(2)), options);
}

}  // namespace sg
