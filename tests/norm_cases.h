#pragma once

#include "tests/devices.h"
#include "tests/reference.h"

// Inputs of instance norm and what its kernels make of them, for the tests of its passes and of
// its ladder.

namespace sg::testing {

using NormInputValues = NormReference::Inputs;

inline NormInputValues make_inputs(const InstanceNormShape& shape, bool relu, bool residual) {
    NormInputValues in;
    in.shape = shape;
    in.x = uniform(shape.size(), 1, -2, 3);
    in.gamma = uniform(shape.C, 2);
    in.beta = uniform(shape.C, 3);
    if (residual) in.residual = uniform(shape.size(), 4);
    in.relu = relu;
    in.grad_y = uniform(shape.size(), 5);
    in.gg_x = uniform(shape.size(), 6);
    in.gg_gamma = uniform(shape.C, 7);
    in.gg_beta = uniform(shape.C, 8);
    return in;
}

/// The inputs as a T network stores them.
template <class T>
NormInputValues rounded_inputs(NormInputValues in) {
    using A = acc_t<T>;
    for (auto* v : {&in.x, &in.residual, &in.grad_y, &in.gg_x}) *v = rounded<T>(*v);
    for (auto* v : {&in.gamma, &in.beta, &in.gg_gamma, &in.gg_beta}) *v = rounded<A>(*v);
    return in;
}

/// All three passes of the kernels on a device; members as in NormReference, y_again what backward
/// makes of y.
template <class T>
struct Computed {
    using A = acc_t<T>;
    std::vector<double> y, mean, rstd, grad_x, grad_gamma, grad_beta, gg_y, second_x, second_gamma;
    std::vector<double> y_again;

    template <class Device>
    Computed(Device& device, const NormInputValues& in) {
        const auto x = device.input(to<T>(in.x)), grad_y = device.input(to<T>(in.grad_y));
        const auto gamma = device.input(to<A>(in.gamma)), beta = device.input(to<A>(in.beta));
        auto saved_mean = device.template output<A>(in.shape.N * in.shape.C);
        auto saved_rstd = device.template output<A>(in.shape.N * in.shape.C);
        const Operands<T> common{x, grad_y, gamma, beta, saved_mean, saved_rstd};
        forward(device, in, common);
        mean = saved_mean.get(), rstd = saved_rstd.get();
        backward(device, in, common);
        double_backward(device, in, common);
    }

  private:
    template <class U>
    struct Operands {
        const U *x, *grad_y;
        const A *gamma, *beta;
        A *mean, *rstd;
    };

    template <class Device>
    void forward(Device& device, const NormInputValues& in, const Operands<T>& common) {
        const auto residual = device.input(to<T>(in.residual));
        auto out = device.template output<T>(in.shape.size());
        auto workspace = device.template output<A>(instance_norm_workspace(in.shape));
        instance_norm_forward(device.context, InstanceNormForwardArgs<T>{.shape = in.shape,
                                                                         .x = common.x,
                                                                         .gamma = common.gamma,
                                                                         .beta = common.beta,
                                                                         .residual = residual,
                                                                         .relu = in.relu,
                                                                         .y = out,
                                                                         .mean = common.mean,
                                                                         .rstd = common.rstd,
                                                                         .workspace = workspace});
        workspace.get();
        y = out.get();
    }
    template <class Device>
    void backward(Device& device, const NormInputValues& in, const Operands<T>& common) {
        auto gx = device.template output<T>(in.shape.size());
        auto again = device.template output<T>(in.shape.size());
        auto gg = device.template output<A>(in.shape.C), gb = device.template output<A>(in.shape.C);
        auto workspace = device.template output<A>(instance_norm_workspace(in.shape));
        instance_norm_backward(device.context, InstanceNormBackwardArgs<T>{.shape = in.shape,
                                                                           .grad_y = common.grad_y,
                                                                           .x = common.x,
                                                                           .gamma = common.gamma,
                                                                           .beta = common.beta,
                                                                           .mean = common.mean,
                                                                           .rstd = common.rstd,
                                                                           .relu = in.relu,
                                                                           .grad_x = gx,
                                                                           .y = again,
                                                                           .grad_gamma = gg,
                                                                           .grad_beta = gb,
                                                                           .workspace = workspace});
        workspace.get();
        grad_x = gx.get(), grad_gamma = gg.get(), grad_beta = gb.get();
        y_again = again.get();
    }
    template <class Device>
    void double_backward(Device& device, const NormInputValues& in, const Operands<T>& common) {
        const auto u = device.input(to<T>(in.gg_x));
        const auto vg = device.input(to<A>(in.gg_gamma)), vb = device.input(to<A>(in.gg_beta));
        auto ggy = device.template output<T>(in.shape.size());
        auto gx = device.template output<T>(in.shape.size());
        auto gg = device.template output<A>(in.shape.C);
        auto workspace = device.template output<A>(instance_norm_workspace(in.shape));
        instance_norm_double_backward(device.context,
                                      InstanceNormDoubleBackwardArgs<T>{.shape = in.shape,
                                                                        .grad_grad_x = u,
                                                                        .grad_grad_gamma = vg,
                                                                        .grad_grad_beta = vb,
                                                                        .grad_y = common.grad_y,
                                                                        .x = common.x,
                                                                        .gamma = common.gamma,
                                                                        .beta = common.beta,
                                                                        .mean = common.mean,
                                                                        .rstd = common.rstd,
                                                                        .relu = in.relu,
                                                                        .grad_grad_y = ggy,
                                                                        .grad_x = gx,
                                                                        .grad_gamma = gg,
                                                                        .workspace = workspace});
        workspace.get();
        gg_y = ggy.get(), second_x = gx.get(), second_gamma = gg.get();
    }
};

/// Largest error in units of the largest value, or of `terms` where what they sum to vanishes.
inline double norm_error(const std::vector<double>& got, const std::vector<double>& want,
                         double terms) {
    double largest = 1e-30;
    for (double v : want) largest = std::max(largest, std::abs(v));
    return max_error(got, want) * largest / std::max(largest, terms);
}

}  // namespace sg::testing
