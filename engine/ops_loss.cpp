#include "engine/ops_detail.h"
#include "kernels/loss/loss.h"
#include "kernels/pointwise/pointwise.h"

namespace sg {

namespace {

void require_logits(const char* op, const Tensor& logits, const Tensor& targets) {
    require(logits.shape().size() == 2, op, "logits must be [N, L], got {}",
            to_string(logits.shape()));
    detail::require_same(op, logits, targets);
}

/// Runs a classification loss kernel: logits, targets [N, L] -> [1].
template <class Kernel>
Tensor run_loss(const char* op, const Tensor& logits, const Tensor& targets, Kernel kernel) {
    require_logits(op, logits, targets);
    Tensor value = Tensor::empty(logits.device(), {1}, logits.dtype());
    detail::dispatch_master(op, logits.dtype(), [&]<class T>() {
        kernel(logits.device().context(), BceArgs<T>{.N = logits.dim(0),
                                                     .L = logits.dim(1),
                                                     .logits = logits.data<T>(),
                                                     .targets = targets.data<T>(),
                                                     .value = value.data<T>()});
    });
    return value;
}

/// Both losses have the gradient (prediction - target) / N.
Tensor residual_gradient(const Tensor& grad, const Tensor& prediction, const Tensor& targets) {
    return scale(affine(sub(prediction, targets), 1.0 / double(targets.dim(0))), grad);
}

}  // namespace

Tensor bce_with_logits(const Tensor& logits, const Tensor& targets) {
    Tensor value =
        run_loss("bce_with_logits", logits, targets,
                 [](auto& context, const auto& args) { bce_with_logits_forward(context, args); });
    return record("bce_with_logits", value, {logits},
                  [logits, targets](const auto& grads, const Needs&) {
                      return std::vector{residual_gradient(grads[0], sigmoid(logits), targets)};
                  });
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets) {
    Tensor value = run_loss("cross_entropy", logits, targets, [](auto& context, const auto& args) {
        cross_entropy_forward(context, args);
    });
    return record("cross_entropy", value, {logits},
                  [logits, targets](const auto& grads, const Needs&) {
                      return std::vector{residual_gradient(grads[0], softmax(logits), targets)};
                  });
}

Tensor softmax(const Tensor& x) {
    require(x.shape().size() == 2, "softmax", "takes [N, L], got {}", to_string(x.shape()));
    Tensor y = detail::empty_like(x);
    detail::dispatch_master("softmax", x.dtype(), [&]<class T>() {
        softmax_forward(
            x.device().context(),
            SoftmaxArgs<T>{.N = x.dim(0), .L = x.dim(1), .x = x.data<T>(), .y = y.data<T>()});
    });
    return record("softmax", y, {x}, [x, saved = y.detach()](const auto& grads, const Needs&) {
        const Tensor y = grad_enabled() ? softmax(x) : saved;
        const Tensor dot = sum_rows(mul(grads[0], y));
        return std::vector{mul(y, sub(grads[0], broadcast_rows(dot, x.shape(), x.dtype())))};
    });
}

Tensor l1_loss(const Tensor& x, const Tensor& z) {
    detail::require_same("l1_loss", x, z);
    Tensor value = Tensor::empty(x.device(), {1}, x.dtype());
    Tensor workspace = Tensor::empty(x.device(), {l1_workspace(x.size())}, x.dtype());
    detail::dispatch_master("l1_loss", x.dtype(), [&]<class T>() {
        l1_forward(x.device().context(), L1Args<T>{.count = x.size(),
                                                   .x = x.data<T>(),
                                                   .z = z.data<T>(),
                                                   .value = value.data<T>(),
                                                   .workspace = workspace.data<T>()});
    });
    return record("l1_loss", value, {x, z}, [x, z](const auto& grads, const Needs& needs) {
        Tensor sign = detail::empty_like(x);  // constant almost everywhere
        {
            const GradMode off(false);
            const Tensor difference = sub(x, z);
            detail::dispatch_master("l1_loss", x.dtype(), [&]<class T>() {
                unary(x.device().context(), UnaryArgs<T>{.op = Unary::sign,
                                                         .count = x.size(),
                                                         .x = difference.data<T>(),
                                                         .y = sign.data<T>()});
            });
        }
        const Tensor grad_x = scale(sign, affine(grads[0], 1.0 / double(x.size())));
        return std::vector{grad_x, needs[1] ? affine(grad_x, -1) : Tensor()};
    });
}

Tensor slice_columns(const Tensor& x, int64_t begin, int64_t count) {
    require(x.shape().size() == 2 && begin >= 0 && count > 0 && begin + count <= x.dim(1),
            "slice_columns", "columns [{}, {}) of {}", begin, begin + count, to_string(x.shape()));
    const int64_t rows = x.dim(0), columns = x.dim(1);
    if (count == columns) return x;
    Tensor y = Tensor::empty(x.device(), {rows, count}, x.dtype());
    dispatch(x.dtype(), [&]<class T>() {
        for (int64_t n = 0; n < rows; ++n)
            std::copy_n(x.data<T>() + n * columns + begin, count, y.data<T>() + n * count);
    });
    return record("slice_columns", y, {x}, [=](const auto& grads, const Needs&) {
        return std::vector{embed_columns(grads[0], begin, columns)};
    });
}

Tensor embed_columns(const Tensor& x, int64_t begin, int64_t columns) {
    require(x.shape().size() == 2 && begin >= 0 && begin + x.dim(1) <= columns, "embed_columns",
            "{} at column {} of {}", to_string(x.shape()), begin, columns);
    const int64_t rows = x.dim(0), count = x.dim(1);
    Tensor y = Tensor::zeros(x.device(), {rows, columns}, x.dtype());
    dispatch(x.dtype(), [&]<class T>() {
        for (int64_t n = 0; n < rows; ++n)
            std::copy_n(x.data<T>() + n * count, count, y.data<T>() + n * columns + begin);
    });
    return record("embed_columns", y, {x}, [=](const auto& grads, const Needs&) {
        return std::vector{slice_columns(grads[0], begin, count)};
    });
}

}  // namespace sg
