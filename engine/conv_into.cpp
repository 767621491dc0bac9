#include "engine/conv_into.h"

#include "engine/ops_conv_detail.h"

namespace sg {

using namespace detail;

namespace {

template <class T>
ConvEpilogue<T> epilogue(const ConvFinish& f) {
    const auto optional = [](const Tensor& t) { return t ? t.data<T>() : nullptr; };
    return {.bias = f.bias ? f.bias.data<acc_t<T>>() : nullptr,
            .slope = acc_t<T>(f.slope),
            .mask = optional(f.mask),
            .mask_slope = acc_t<T>(f.mask_slope),
            .residual = optional(f.residual)};
}

void check_finish(const char* op, const ConvFinish& f, const Tensor& result, int64_t channels,
                  DType compute) {
    if (f.bias) require_shape(op, "bias", f.bias, {channels}, master_type(compute));
    if (f.mask) require_shape(op, "mask", f.mask, result.shape(), compute);
    if (f.residual) require_shape(op, "residual", f.residual, result.shape(), compute);
}

}  // namespace

void conv2d_into(const Tensor& y, const Tensor& x, const Tensor& w, const ConvOptions& given,
                 const ConvFinish& finish) {
    require_rank4("conv2d_into", x, w);
    const ConvOptions options = with_layer(given, w);
    const ConvShape s = make_shape("conv2d_into", x.shape(), w.shape(), options);
    const DType compute = x.dtype(), out = y.dtype();
    require_shape("conv2d_into", "result", y, {s.N, s.P(), s.Q(), s.K}, out);
    check_finish("conv2d_into", finish, y, s.K, compute);
    const Workspace workspace(x.device(), ConvPass::forward, s, options, compute, out,
                              bool(finish.bias), finish.slope, finish.mask || finish.residual);
    run_conv(
        "conv2d_into", options, x.device(), compute, out, [&]<class T, class Out>(auto& context) {
            using W = WeightType<T, std::decay_t<decltype(context)>>;
            conv_forward(context, ConvForwardArgs<T, Out, W>{.shape = s,
                                                             .x = x.data<T>(),
                                                             .w = w.data<W>(),
                                                             .epilogue = epilogue<T>(finish),
                                                             .y = y.data<Out>(),
                                                             .weight_version = w.version(),
                                                             .math = options.math,
                                                             .workspace = workspace.data(),
                                                             .workspace_size = workspace.size()});
        });
}

void conv2d_dgrad_into(const Tensor& grad_x, const Tensor& grad_y, const Tensor& w,
                       const ConvOptions& given, const ConvFinish& finish) {
    require_rank4("conv2d_dgrad_into", grad_x, w);
    const ConvOptions options = with_layer(given, w);
    const ConvShape s = make_shape("conv2d_dgrad_into", grad_x.shape(), w.shape(), options);
    const DType compute = grad_y.dtype(), out = grad_x.dtype();
    require_shape("conv2d_dgrad_into", "grad_y", grad_y, {s.N, s.P(), s.Q(), s.K}, compute);
    check_finish("conv2d_dgrad_into", finish, grad_x, s.C, compute);
    const Workspace workspace(w.device(), ConvPass::dgrad, s, options, compute, out,
                              bool(finish.bias), finish.slope, finish.mask || finish.residual);
    run_conv("conv2d_dgrad_into", options, w.device(), compute, out,
             [&]<class T, class Out>(auto& context) {
                 using W = WeightType<T, std::decay_t<decltype(context)>>;
                 conv_dgrad(context, ConvDgradArgs<T, Out, W>{.shape = s,
                                                              .grad_y = grad_y.data<T>(),
                                                              .w = w.data<W>(),
                                                              .epilogue = epilogue<T>(finish),
                                                              .grad_x = grad_x.data<Out>(),
                                                              .weight_version = w.version(),
                                                              .math = options.math,
                                                              .workspace = workspace.data(),
                                                              .workspace_size = workspace.size()});
             });
}

void conv2d_wgrad_into(const Tensor& grad_w, const Tensor& x, const Tensor& grad_y,
                       const ConvOptions& options) {
    require_rank4("conv2d_wgrad_into", x, grad_w);
    const ConvShape s = make_shape("conv2d_wgrad_into", x.shape(), grad_w.shape(), options);
    const DType compute = x.dtype(), out = master_type(compute);
    require_shape("conv2d_wgrad_into", "grad_y", grad_y, {s.N, s.P(), s.Q(), s.K}, compute);
    require_shape("conv2d_wgrad_into", "grad_w", grad_w, grad_w.shape(), out);
    const Workspace workspace(x.device(), ConvPass::wgrad, s, options, compute, out);
    in_layer(options, [&] {
        run_kernel(x, [&]<class T>(auto& context) {
            conv_wgrad(context, ConvWgradArgs<T>{.shape = s,
                                                 .x = x.data<T>(),
                                                 .grad_y = grad_y.data<T>(),
                                                 .grad_w = grad_w.data<acc_t<T>>(),
                                                 .math = options.math,
                                                 .workspace = workspace.data(),
                                                 .workspace_size = workspace.size()});
        });
    });
}

}  // namespace sg
