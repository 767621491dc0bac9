#include "engine/ops_detail.h"
#include "kernels/upsample/upsample.h"

namespace sg {

Tensor upsample2x(const Tensor& x) {
    require(x.shape().size() == 4, "upsample2x", "takes images [N,H,W,C], got {}",
            to_string(x.shape()));
    const UpsampleShape shape{.N = x.dim(0), .H = x.dim(1), .W = x.dim(2), .C = x.dim(3)};
    Tensor y = Tensor::empty(x.device(), {shape.N, 2 * shape.H, 2 * shape.W, shape.C}, x.dtype());
    run_kernel(x, [&]<class T>(auto& context) {
        upsample_forward(
            context, UpsampleForwardArgs<T>{.shape = shape, .x = x.data<T>(), .y = y.data<T>()});
    });
    return record("upsample2x", y, {x}, [](const auto& grads, const Needs&) {
        return std::vector{upsample2x_backward(grads[0])};
    });
}

Tensor upsample2x_backward(const Tensor& grad_y) {
    const Shape& large = grad_y.shape();
    require(large.size() == 4 && large[1] % 2 == 0 && large[2] % 2 == 0, "upsample2x_backward",
            "takes images [N,2H,2W,C], got {}", to_string(large));
    const UpsampleShape shape{.N = large[0], .H = large[1] / 2, .W = large[2] / 2, .C = large[3]};
    Tensor grad_x =
        Tensor::empty(grad_y.device(), {shape.N, shape.H, shape.W, shape.C}, grad_y.dtype());
    run_kernel(grad_y, [&]<class T>(auto& context) {
        upsample_backward(
            context, UpsampleBackwardArgs<T>{
                         .shape = shape, .grad_y = grad_y.data<T>(), .grad_x = grad_x.data<T>()});
    });
    return record("upsample2x_backward", grad_x, {grad_y}, [](const auto& grads, const Needs&) {
        return std::vector{upsample2x(grads[0])};
    });
}

}  // namespace sg
