#include "engine/ops_detail.h"
#include "kernels/pointwise/pointwise.h"

namespace sg {

using detail::empty_like;
using detail::require_same;

namespace {

Tensor run(Unary op, const Tensor& x, double a = 1, double b = 0) {
    Tensor y = empty_like(x);
    run_kernel(x, [&]<class T>(auto& context) {
        unary(context,
              UnaryArgs<T>{
                  .op = op, .count = x.size(), .x = x.data<T>(), .y = y.data<T>(), .a = a, .b = b});
    });
    return y;
}

Tensor run(const char* name, Binary op, const Tensor& x, const Tensor& z, double a = 1,
           double b = 1) {
    require_same(name, x, z);
    Tensor y = empty_like(x);
    run_kernel(x, [&]<class T>(auto& context) {
        binary(context, BinaryArgs<T>{.op = op,
                                      .count = x.size(),
                                      .x = x.data<T>(),
                                      .z = z.data<T>(),
                                      .y = y.data<T>(),
                                      .a = a,
                                      .b = b});
    });
    return y;
}

/// A function whose derivative is written in terms of its own output. Differentiating once uses
/// the saved output; differentiating that again needs the output with its history, so it is
/// computed again from x.
Tensor record_by_output(const char* name, const Tensor& x, Tensor y, Tensor (*again)(const Tensor&),
                        std::function<Tensor(const Tensor& grad, const Tensor& y)> derivative) {
    return record(name, y, {x},
                  [x, saved = y.detach(), again, derivative](const auto& grads, const Needs&) {
                      return std::vector{derivative(grads[0], grad_enabled() ? again(x) : saved)};
                  });
}

}  // namespace

Tensor add(const Tensor& x, const Tensor& z) {
    return record("add", run("add", Binary::add, x, z), {x, z},
                  [](const auto& grads, const Needs&) {
                      return std::vector{grads[0], grads[0]};
                  });
}

Tensor sub(const Tensor& x, const Tensor& z) {
    return record("sub", run("sub", Binary::add, x, z, 1, -1), {x, z},
                  [](const auto& grads, const Needs& needs) {
                      return std::vector{grads[0], needs[1] ? affine(grads[0], -1) : Tensor()};
                  });
}

Tensor mul(const Tensor& x, const Tensor& z) {
    return record("mul", run("mul", Binary::multiply, x, z), {x, z},
                  [x, z](const auto& grads, const Needs& needs) {
                      return std::vector{needs[0] ? mul(grads[0], z) : Tensor(),
                                         needs[1] ? mul(grads[0], x) : Tensor()};
                  });
}

Tensor affine(const Tensor& x, double scale, double shift) {
    return record(
        "affine", run(Unary::affine, x, scale, shift), {x},
        [scale](const auto& grads, const Needs&) { return std::vector{affine(grads[0], scale)}; });
}

Tensor relu(const Tensor& x) {
    return leaky_relu(x, 0);
}

Tensor leaky_relu(const Tensor& x, double slope) {
    require(slope >= 0, "leaky_relu",
            "slope {} is negative: the output's sign would not tell the "
            "input's",
            slope);
    Tensor y = run(Unary::leaky_relu, x, slope);
    return record("leaky_relu", y, {x}, [y = y.detach(), slope](const auto& grads, const Needs&) {
        return std::vector{leaky_relu_backward(grads[0], y, slope)};
    });
}

Tensor leaky_relu_backward(const Tensor& grad_y, const Tensor& y, double slope) {
    Tensor out = run("leaky_relu_backward", Binary::leaky_relu_backward, grad_y, y, slope);
    return record("leaky_relu_backward", out, {grad_y},
                  [y = y.detach(), slope](const auto& grads, const Needs&) {
                      return std::vector{leaky_relu_backward(grads[0], y, slope)};
                  });
}

Tensor tanh(const Tensor& x) {
    return record_by_output("tanh", x, run(Unary::tanh, x), tanh, tanh_backward);
}

Tensor tanh_backward(const Tensor& grad_y, const Tensor& y) {
    if (grad_enabled()) return mul(grad_y, affine(mul(y, y), -1, 1));
    return run("tanh_backward", Binary::tanh_backward, grad_y, y);
}

Tensor sigmoid(const Tensor& x) {
    return record_by_output(
        "sigmoid", x, run(Unary::sigmoid, x), sigmoid,
        [](const Tensor& grad, const Tensor& y) { return mul(grad, mul(y, affine(y, -1, 1))); });
}

Tensor softplus(const Tensor& x) {
    return record("softplus", run(Unary::softplus, x), {x}, [x](const auto& grads, const Needs&) {
        return std::vector{mul(grads[0], sigmoid(x))};
    });
}

Tensor sqrt(const Tensor& x) {
    return record_by_output(
        "sqrt", x, run(Unary::sqrt, x), sqrt,
        [](const Tensor& grad, const Tensor& y) { return mul(grad, affine(reciprocal(y), 0.5)); });
}

Tensor reciprocal(const Tensor& x) {
    return record_by_output(
        "reciprocal", x, run(Unary::reciprocal, x), reciprocal,
        [](const Tensor& grad, const Tensor& y) { return affine(mul(grad, mul(y, y)), -1); });
}

Tensor cast(const Tensor& x, DType dtype) {
    if (x.dtype() == dtype) return x;
    Tensor y = Tensor::empty(x.device(), x.shape(), dtype);
    run_kernel(x, [&]<class From>(auto& context) {
        dispatch(dtype, [&]<class To>() {
            if constexpr (!std::is_same_v<From, To>)
                cast(context,
                     CastArgs<From, To>{.count = x.size(), .x = x.data<From>(), .y = y.data<To>()});
        });
    });
    return record("cast", y, {x}, [from = x.dtype()](const auto& grads, const Needs&) {
        return std::vector{cast(grads[0], from)};
    });
}

Tensor reshape(const Tensor& x, const Shape& shape) {
    return record("reshape", x.view(shape), {x},
                  [from = x.shape()](const auto& grads, const Needs&) {
                      return std::vector{reshape(grads[0], from)};
                  });
}

Tensor flatten(const Tensor& x) {
    return reshape(x, {x.dim(0), x.size() / x.dim(0)});
}

}  // namespace sg
