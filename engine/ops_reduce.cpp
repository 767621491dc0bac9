#include "engine/ops_detail.h"
#include "kernels/pointwise/pointwise.h"
#include "kernels/reduce/reduce.h"

namespace sg {

namespace {

/// Sums x seen as a matrix of `rows` rows along one of its axes.
enum class Axis { columns, rows };
Tensor run_sum(const Tensor& x, int64_t rows, Axis over) {
    const int64_t columns = x.size() / rows;
    const DType type = master_type(x.dtype());
    Tensor y = Tensor::empty(x.device(), {over == Axis::columns ? rows : columns}, type);
    Tensor workspace = Tensor::empty(x.device(), {sum_workspace(rows, columns)}, type);
    run_kernel(x, [&]<class T>(auto& context) {
        const SumArgs<T> args{.rows = rows,
                              .columns = columns,
                              .x = x.data<T>(),
                              .y = y.data<acc_t<T>>(),
                              .workspace = workspace.data<acc_t<T>>()};
        if (over == Axis::columns)
            sum_rows(context, args);
        else
            sum_channels(context, args);
    });
    return y;
}

Tensor run_broadcast(const char* op, const Tensor& s, const Shape& shape, DType dtype,
                     int64_t expected, Axis along) {
    detail::require_shape(op, "operand", s, {expected}, master_type(dtype));
    Tensor y = Tensor::empty(s.device(), shape, dtype);
    run_kernel(y, [&]<class T>(auto& context) {
        const int64_t rows = along == Axis::columns ? expected : y.size() / expected;
        const BroadcastArgs<T> args{
            .rows = rows, .columns = y.size() / rows, .s = s.data<acc_t<T>>(), .y = y.data<T>()};
        if (along == Axis::columns)
            broadcast_rows(context, args);
        else
            broadcast_channels(context, args);
    });
    return y;
}

Tensor run_scale(const Tensor& x, const Tensor& s, int64_t rows) {
    Tensor y = detail::empty_like(x);
    run_kernel(x, [&]<class T>(auto& context) {
        scale_rows(context, ScaleRowsArgs<T>{.rows = rows,
                                             .columns = x.size() / rows,
                                             .x = x.data<T>(),
                                             .s = s.data<acc_t<T>>(),
                                             .y = y.data<T>()});
    });
    return y;
}

/// Products in master type, so that their sum is not of rounded terms.
Tensor master(const Tensor& x) {
    return cast(x, master_type(x.dtype()));
}

}  // namespace

Tensor sum(const Tensor& x) {
    return record("sum", run_sum(x, 1, Axis::columns), {x},
                  [shape = x.shape(), type = x.dtype()](const auto& grads, const Needs&) {
                      return std::vector{broadcast(grads[0], shape, type)};
                  });
}

Tensor mean(const Tensor& x) {
    return affine(sum(x), 1.0 / double(x.size()));
}

Tensor sum_rows(const Tensor& x) {
    return record("sum_rows", run_sum(x, x.dim(0), Axis::columns), {x},
                  [shape = x.shape(), type = x.dtype()](const auto& grads, const Needs&) {
                      return std::vector{broadcast_rows(grads[0], shape, type)};
                  });
}

Tensor sum_channels(const Tensor& x) {
    return record("sum_channels", run_sum(x, x.size() / x.shape().back(), Axis::rows), {x},
                  [shape = x.shape(), type = x.dtype()](const auto& grads, const Needs&) {
                      return std::vector{broadcast_channels(grads[0], shape, type)};
                  });
}

Tensor broadcast(const Tensor& s, const Shape& shape, DType dtype) {
    return record("broadcast", run_broadcast("broadcast", s, shape, dtype, 1, Axis::columns), {s},
                  [](const auto& grads, const Needs&) { return std::vector{sum(grads[0])}; });
}

Tensor broadcast_rows(const Tensor& s, const Shape& shape, DType dtype) {
    return record("broadcast_rows",
                  run_broadcast("broadcast_rows", s, shape, dtype, shape.front(), Axis::columns),
                  {s},
                  [](const auto& grads, const Needs&) { return std::vector{sum_rows(grads[0])}; });
}

Tensor broadcast_channels(const Tensor& s, const Shape& shape, DType dtype) {
    return record(
        "broadcast_channels",
        run_broadcast("broadcast_channels", s, shape, dtype, shape.back(), Axis::rows), {s},
        [](const auto& grads, const Needs&) { return std::vector{sum_channels(grads[0])}; });
}

Tensor scale_rows(const Tensor& x, const Tensor& s) {
    detail::require_shape("scale_rows", "factors", s, {x.dim(0)}, master_type(x.dtype()));
    return record("scale_rows", run_scale(x, s, x.dim(0)), {x, s},
                  [x, s](const auto& grads, const Needs& needs) {
                      return std::vector{
                          needs[0] ? scale_rows(grads[0], s) : Tensor(),
                          needs[1] ? sum_rows(mul(master(grads[0]), master(x))) : Tensor()};
                  });
}

Tensor scale(const Tensor& x, const Tensor& s) {
    detail::require_shape("scale", "factor", s, {1}, master_type(x.dtype()));
    return record(
        "scale", run_scale(x, s, 1), {x, s}, [x, s](const auto& grads, const Needs& needs) {
            return std::vector{needs[0] ? scale(grads[0], s) : Tensor(),
                               needs[1] ? sum(mul(master(grads[0]), master(x))) : Tensor()};
        });
}

}  // namespace sg
