#include "tests/gradient_check.h"

using namespace sg;
using namespace sg::testing;

TEST_CASE("gradients keep the type of what they belong to", "[ops]") {
    const auto device = Device::cpu(1);
    for (DType from : {DType::f32, DType::bf16, DType::f64})
        for (DType to : {DType::f32, DType::bf16, DType::f64}) {
            INFO(to_string(from) << " to " << to_string(to));
            Tensor x = cast(constant(*device, {5}, 1), from).set_requires_grad();
            const Tensor y = cast(mul(x, x), to);
            CHECK(y.dtype() == to);
            const Tensor g = grad({y}, {x})[0];
            CHECK(g.dtype() == from);
            auto twice = x.to_host();
            for (double& v : twice) v *= 2;  // exact in every type
            CHECK(g.to_host() == twice);
        }
    Tensor x = cast(constant(*device, {2, 4}, 1), DType::bf16).set_requires_grad();
    Tensor s = cast(constant(*device, {2}, 2), DType::f32).set_requires_grad();
    const auto grads = grad({sum(scale_rows(x, s))}, {x, s});
    CHECK(grads[0].dtype() == DType::bf16);
    CHECK(grads[1].dtype() == DType::f32);
}

TEST_CASE("ops refuse operands that do not fit, with their shapes", "[ops]") {
    const auto device = Device::cpu(1);
    const Tensor a = constant(*device, {2, 3}, 1), b = constant(*device, {3, 2}, 1);
    const Tensor image = constant(*device, {1, 4, 4, 2}, 1), c = constant(*device, {3}, 1);
    const Tensor w = constant(*device, {1, 3, 3, 5}, 1);
    expect_error([&] { add(a, b); }, {"add", "[2,3]", "[3,2]"});
    expect_error([&] { mul(a, cast(a, DType::f32)); }, {"mul", "f64", "f32"});
    expect_error([&] { conv2d(image, w, {}, {}); }, {"conv2d", "2 channels", "[1,3,3,5]"});
    expect_error([&] { conv2d(image, a, {}, {}); }, {"conv2d", "[2,3]", "rank 4"});
    Tensor named = constant(*device, {1, 7, 7, 2}, 1);
    named.set_name("main.3.weight");
    expect_error([&] { conv2d(image, named, {}, {}); }, {"conv2d (main.3.weight)", "[1,7,7,2]"});
    expect_error([&] { conv2d_wgrad(image, image, 9, 9, {.layer = "main.6"}); },
                 {"conv2d_wgrad (main.6)", "[2,9,9,2]", "larger"});
    expect_error([&] { upsample2x(a); }, {"upsample2x", "[2,3]"});
    expect_error(
        [&] {
            upsample2x_backward(constant(*device, {1, 4, 3, 2}, 1));
        },
        {"upsample2x_backward", "[1,4,3,2]", "2W"});
    expect_error([&] { instance_norm(image, c, c); }, {"instance_norm", "gamma", "[3]", "[2]"});
    expect_error([&] { label_concat(image, a); }, {"label_concat", "[1,4,4,2]", "[2,3]"});
    expect_error([&] { bce_with_logits(a, b); }, {"bce_with_logits", "[3,2]"});
    expect_error([&] { slice_columns(a, 1, 3); }, {"slice_columns", "[1, 4)", "[2,3]"});
    expect_error([&] { reshape(a, {4}); }, {"[4]", "[2,3]"});
    expect_error([&] { scale_rows(a, c); }, {"scale_rows", "[3]", "[2]"});
    expect_error([&] { leaky_relu(a, -1); }, {"leaky_relu", "-1"});
    expect_error([&] { softmax(cast(a, DType::bf16)); }, {"softmax", "bf16"});
}
