#include "engine/ops_detail.h"

namespace sg {

namespace {

/// Rounds to the computing type without recording: the op that calls this has its own backward.
Tensor operand(const Tensor& x, DType compute) {
    const GradMode off(false);
    return cast(x, compute);
}

DType compute_type(const Tensor& x, const ConvOptions& options) {
    return options.compute.value_or(x.dtype());
}
DType out_type(const Tensor& x, const ConvOptions& options) {
    return options.out.value_or(compute_type(x, options));
}

/// Options for a derivative: the same products, result in the type of the value differentiated by.
ConvOptions derived(const ConvOptions& options, DType compute, DType out) {
    return {.stride = options.stride, .pad = options.pad, .compute = compute, .out = out};
}

void require_rank4(const char* op, const Tensor& x, const Tensor& w) {
    require(x.shape().size() == 4 && w.shape().size() == 4, op,
            "operands {} and {} must have rank 4", to_string(x.shape()), to_string(w.shape()));
}

ConvShape make_shape(const char* op, const Shape& x, const Shape& w, const ConvOptions& options) {
    require(x[3] == w[3], op, "input {} (NHWC) has {} channels, weight {} (KRSC) expects {}",
            to_string(x), x[3], to_string(w), w[3]);
    const ConvShape shape{.N = x[0],
                          .H = x[1],
                          .W = x[2],
                          .C = x[3],
                          .K = w[0],
                          .R = w[1],
                          .S = w[2],
                          .stride = options.stride,
                          .pad = options.pad};
    check_conv_shape(op, shape);
    return shape;
}

/// Calls body<T, Out>() for the combinations that the kernels are built for.
template <class Body>
void dispatch_conv(const char* op, DType compute, DType out, Body&& body) {
    if (compute == DType::f32 && out == DType::f32) return body.template operator()<float, float>();
    if (compute == DType::f64 && out == DType::f64)
        return body.template operator()<double, double>();
    if (compute == DType::bf16 && out == DType::bf16) return body.template operator()<bf16, bf16>();
    if (compute == DType::bf16 && out == DType::f32) return body.template operator()<bf16, float>();
    throw Error(
        op, fmt::format("cannot compute in {} and return {}", to_string(compute), to_string(out)));
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& options) {
    require_rank4("conv2d", x, w);
    const ConvShape s = make_shape("conv2d", x.shape(), w.shape(), options);
    const DType compute = compute_type(x, options), out = out_type(x, options);
    detail::require_shape("conv2d", "weight", w, w.shape(), master_type(compute));
    if (bias) detail::require_shape("conv2d", "bias", bias, {s.K}, master_type(compute));
    const Tensor x_compute = operand(x, compute);
    Tensor y = Tensor::empty(x.device(), {s.N, s.P(), s.Q(), s.K}, out);
    dispatch_conv("conv2d", compute, out, [&]<class T, class Out>() {
        conv_forward(
            x.device().context(),
            ConvForwardArgs<T, Out>{.shape = s,
                                    .x = x_compute.data<T>(),
                                    .w = w.data<acc_t<T>>(),
                                    .epilogue = {.bias = bias ? bias.data<acc_t<T>>() : nullptr},
                                    .y = y.data<Out>(),
                                    .weight_version = w.version()});
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
                    const ConvOptions& options) {
    require_rank4("conv2d_dgrad", grad_y, w);
    const Shape x_shape{grad_y.dim(0), height, width, w.dim(3)};
    const ConvShape s = make_shape("conv2d_dgrad", x_shape, w.shape(), options);
    const DType compute = compute_type(grad_y, options), out = out_type(grad_y, options);
    detail::require_shape("conv2d_dgrad", "grad_y", grad_y, {s.N, s.P(), s.Q(), s.K},
                          grad_y.dtype());
    detail::require_shape("conv2d_dgrad", "weight", w, w.shape(), master_type(compute));
    const Tensor grad_compute = operand(grad_y, compute);
    Tensor grad_x = Tensor::empty(grad_y.device(), x_shape, out);
    dispatch_conv("conv2d_dgrad", compute, out, [&]<class T, class Out>() {
        conv_dgrad(grad_y.device().context(),
                   ConvDgradArgs<T, Out>{.shape = s,
                                         .grad_y = grad_compute.data<T>(),
                                         .w = w.data<acc_t<T>>(),
                                         .grad_x = grad_x.data<Out>(),
                                         .weight_version = w.version()});
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
    Tensor grad_w = Tensor::empty(x.device(), w_shape, master_type(compute));
    dispatch(compute, [&]<class T>() {
        conv_wgrad(x.device().context(), ConvWgradArgs<T>{.shape = s,
                                                          .x = x_compute.data<T>(),
                                                          .grad_y = grad_compute.data<T>(),
                                                          .grad_w = grad_w.data<acc_t<T>>()});
    });
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
