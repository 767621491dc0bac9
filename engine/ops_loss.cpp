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
    run_master_kernel(op, logits, [&]<class T>(auto& context) {
        kernel(context, BceArgs<T>{.N = logits.dim(0),
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
    run_master_kernel("softmax", x, [&]<class T>(auto& context) {
        softmax_forward(
            context,
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
    run_master_kernel("l1_loss", x, [&]<class T>(auto& context) {
        l1_forward(context, L1Args<T>{.count = x.size(),
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
            run_master_kernel("l1_loss", x, [&]<class T>(auto& context) {
                unary(context, UnaryArgs<T>{.op = Unary::sign,
                                            .count = x.size(),
                                            .x = difference.data<T>(),
                                            .y = sign.data<T>()});
            });
        }
        const Tensor grad_x = scale(sign, affine(grads[0], 1.0 / double(x.size())));
        return std::vector{grad_x, needs[1] ? affine(grad_x, -1) : Tensor()};
    });
}

namespace {

/// x [A, B] -> [B, A], without history. Columns of a matrix are consecutive in its transpose.
Tensor transposed(const Tensor& x) {
    Tensor y = Tensor::empty(x.device(), {x.dim(1), x.dim(0)}, x.dtype());
    run_kernel(x, [&]<class T>(auto& context) {
        transpose(context, TransposeArgs<T>{.outer = 1,
                                            .rows = x.dim(0),
                                            .columns = x.dim(1),
                                            .x = x.data<T>(),
                                            .y = y.data<T>()});
    });
    return y;
}

}  // namespace

Tensor slice_columns(const Tensor& x, int64_t begin, int64_t count) {
    require(x.shape().size() == 2 && begin >= 0 && count > 0 && begin + count <= x.dim(1),
            "slice_columns", "columns [{}, {}) of {}", begin, begin + count, to_string(x.shape()));
    const int64_t rows = x.dim(0), columns = x.dim(1);
    if (count == columns) return x;
    const Tensor y = transposed(transposed(x).slice_flat(begin * rows, {count, rows}));
    return record("slice_columns", y, {x}, [=](const auto& grads, const Needs&) {
        return std::vector{embed_columns(grads[0], begin, columns)};
    });
}

Tensor embed_columns(const Tensor& x, int64_t begin, int64_t columns) {
    require(x.shape().size() == 2 && begin >= 0 && begin + x.dim(1) <= columns, "embed_columns",
            "{} at column {} of {}", to_string(x.shape()), begin, columns);
    const int64_t rows = x.dim(0), count = x.dim(1);
    const Tensor all = Tensor::zeros(x.device(), {columns, rows}, x.dtype());
    all.slice_flat(begin * rows, {count, rows}).copy_from(transposed(x));
    return record("embed_columns", transposed(all), {x}, [=](const auto& grads, const Needs&) {
        return std::vector{slice_columns(grads[0], begin, count)};
    });
}

}  // namespace sg
