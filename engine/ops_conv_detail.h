#pragma once

#include "engine/ops_detail.h"

// What the convolutions of ops.h and conv_into.h share.

namespace sg::detail {

/// Rounds to the computing type without recording: the op that calls this has its own backward.
inline Tensor operand(const Tensor& x, DType compute) {
    const GradMode off(false);
    return cast(x, compute);
}

inline DType compute_type(const Tensor& x, const ConvOptions& options) {
    return options.compute.value_or(x.dtype());
}
inline DType out_type(const Tensor& x, const ConvOptions& options) {
    return options.out.value_or(compute_type(x, options));
}

/// Options for a derivative: the same products, result in the type of the value differentiated by.
inline ConvOptions derived(const ConvOptions& options, DType compute, DType out) {
    ConvOptions result = options;
    result.compute = compute;
    result.out = out;
    return result;
}

/// The options with the layer's name filled in.
inline ConvOptions with_layer(ConvOptions options, const Tensor& w) {
    if (options.layer.empty()) options.layer = w.name();
    return options;
}

/// Runs body(); an Error gets the name of the layer, if it has one.
template <class Body>
decltype(auto) in_layer(const ConvOptions& options, Body&& body) {
    try {
        return body();
    } catch (const Error& error) {
        if (options.layer.empty()) throw;
        throw Error(fmt::format("{} ({})", error.operation(), options.layer), error.fact(),
                    error.hint());
    }
}

inline void require_rank4(const char* op, const Tensor& x, const Tensor& w) {
    require(x.shape().size() == 4 && w.shape().size() == 4, op,
            "operands {} and {} must have rank 4", to_string(x.shape()), to_string(w.shape()));
}

inline ConvShape make_shape(const char* op, const Shape& x, const Shape& w,
                            const ConvOptions& options) {
    const ConvShape shape{.N = x[0],
                          .H = x[1],
                          .W = x[2],
                          .C = x[3],
                          .K = w[0],
                          .R = w[1],
                          .S = w[2],
                          .stride = options.stride,
                          .pad = options.pad};
    in_layer(options, [&] {
        require(x[3] == w[3], op, "input {} (NHWC) has {} channels, weight {} (KRSC) expects {}",
                to_string(x), x[3], to_string(w), w[3]);
        check_conv_shape(op, shape);
    });
    return shape;
}

/// Calls body<T, Out>(context) for the combinations that the kernels are built for.
template <class Body>
void run_conv(const char* op, const ConvOptions& options, Device& device, DType compute, DType out,
              Body&& body) {
    const auto run = [&](auto& context) {
        if (compute == DType::f32 && out == DType::f32)
            return body.template operator()<float, float>(context);
        if (compute == DType::f64 && out == DType::f64)
            return body.template operator()<double, double>(context);
        if (compute == DType::bf16 && out == DType::bf16)
            return body.template operator()<bf16, bf16>(context);
        if (compute == DType::bf16 && out == DType::f32)
            return body.template operator()<bf16, float>(context);
        throw Error(op, fmt::format("cannot compute in {} and return {}", to_string(compute),
                                    to_string(out)));
    };
    in_layer(options, [&] { device.run(run); });
}

/// Weights as the kernels take them (kernels/conv/conv.h): the CPU's round the masters themselves
/// and keep the result, a device's want values of the computing type.
inline Tensor weight_operand(const Tensor& w, DType compute) {
    return w.device().is_cpu() ? w : operand(w, compute);
}
/// Weights in master type, or on a device, where nobody differentiates by them, as kernels take
/// them (Masters::split).
inline void require_weight(const char* op, const Tensor& w, DType compute) {
    const bool ready = !w.device().is_cpu() && w.dtype() == compute && !w.requires_grad();
    require_shape(op, "weight", w, w.shape(), ready ? compute : master_type(compute));
}
template <class T, class Context>
using WeightType = std::conditional_t<std::is_same_v<Context, CpuContext>, acc_t<T>, T>;

/// What a device needs for a pass besides the operands; nothing on the CPU.
struct Workspace {
    Workspace(Device& device, ConvPass pass, const ConvShape& shape, const ConvOptions& options,
              DType compute, DType out, bool bias = false, double slope = 1, bool own = false) {
        const ConvArithmetic arithmetic = compute == DType::bf16           ? ConvArithmetic::bf16
                                          : options.math == ConvMath::tf32 ? ConvArithmetic::tf32
                                                                           : ConvArithmetic::f32;
        in_layer(options, [&] {
            const int64_t floats = device.conv_workspace({.pass = pass,
                                                          .shape = shape,
                                                          .arithmetic = arithmetic,
                                                          .wide_result = out != compute,
                                                          .bias = bias,
                                                          .slope = float(slope)},
                                                         own);
            if (floats > 0) memory = Tensor::empty(device, {floats}, DType::f32);
        });
    }
    float* data() const { return memory ? memory.data<float>() : nullptr; }
    int64_t size() const { return memory ? memory.size() : 0; }

    Tensor memory;
};

}  // namespace sg::detail
