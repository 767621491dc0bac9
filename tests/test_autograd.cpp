#include "tests/gradient_check.h"

using namespace sg;
using namespace sg::testing;

namespace {

using V = std::vector<Tensor>;

Tensor one_hot(Device& device) {
    return Tensor::from_host(device, {2, 3}, std::span<const double>({0.0, 1, 0, 0, 0, 1}));
}

std::vector<GradCase> elementwise_cases(Device& device) {
    const Shape s{2, 3};
    const Tensor y = constant(device, s, 9);
    return {
        {"add", {s, s}, [](const V& v) { return add(v[0], v[1]); }},
        {"sub", {s, s}, [](const V& v) { return sub(v[0], v[1]); }},
        {"mul", {s, s}, [](const V& v) { return mul(v[0], v[1]); }},
        {"mul with itself", {s}, [](const V& v) { return mul(v[0], v[0]); }},
        {"affine", {s}, [](const V& v) { return affine(v[0], -1.5, 2); }},
        {"relu", {s}, [](const V& v) { return relu(v[0]); }},
        {"leaky_relu", {s}, [](const V& v) { return leaky_relu(v[0], 0.01); }},
        {"leaky_relu of a square",
         {s},
         [](const V& v) { return leaky_relu(affine(mul(v[0], v[0]), 1, -0.3), 0.2); }},
        {"leaky_relu_backward", {s}, [y](const V& v) { return leaky_relu_backward(v[0], y, 0.2); }},
        {"tanh", {s}, [](const V& v) { return tanh(v[0]); }},
        {"sigmoid", {s}, [](const V& v) { return sigmoid(v[0]); }},
        {"softplus", {s}, [](const V& v) { return softplus(v[0]); }},
        {"sqrt", {s}, [](const V& v) { return sqrt(v[0]); }, true},
        {"reciprocal", {s}, [](const V& v) { return reciprocal(v[0]); }, true},
        {"cast to itself", {s}, [](const V& v) { return cast(v[0], DType::f64); }},
        {"reshape",
         {s},
         [](const V& v) {
             return reshape(mul(v[0], v[0]), {3, 2});
         }},
        {"flatten", {{2, 2, 1, 2}}, [](const V& v) { return flatten(mul(v[0], v[0])); }}};
}

std::vector<GradCase> sum_cases() {
    const Shape s{2, 3, 2};
    const auto square = [](const Tensor& x) { return mul(x, x); };
    return {
        {"sum", {s}, [=](const V& v) { return sum(square(v[0])); }},
        {"mean", {s}, [=](const V& v) { return mean(square(v[0])); }},
        {"sum_rows", {s}, [=](const V& v) { return sum_rows(square(v[0])); }},
        {"sum_channels", {s}, [=](const V& v) { return sum_channels(square(v[0])); }},
        {"broadcast", {{1}}, [=](const V& v) { return broadcast(square(v[0]), s, DType::f64); }},
        {"broadcast_rows",
         {{2}},
         [=](const V& v) { return broadcast_rows(square(v[0]), s, DType::f64); }},
        {"broadcast_channels",
         {{2}},
         [=](const V& v) { return broadcast_channels(square(v[0]), s, DType::f64); }},
        {"scale_rows", {s, {2}}, [](const V& v) { return scale_rows(v[0], v[1]); }},
        {"scale", {s, {1}}, [](const V& v) { return scale(v[0], v[1]); }}};
}

std::vector<GradCase> conv_cases() {
    const ConvOptions o{.stride = 2, .pad = 1}, unit{.stride = 1, .pad = 0};
    const Shape x{2, 5, 4, 2}, w{3, 3, 2, 2}, y{2, 3, 3, 3};
    return {
        {"conv2d", {x, w}, [=](const V& v) { return conv2d(v[0], v[1], {}, o); }},
        {"conv2d with bias", {x, w, {3}}, [=](const V& v) { return conv2d(v[0], v[1], v[2], o); }},
        {"conv2d of the whole map",
         {{2, 2, 2, 3}, {2, 2, 2, 3}},
         [=](const V& v) { return conv2d(v[0], v[1], {}, unit); }},
        {"conv2d_dgrad", {y, w}, [=](const V& v) { return conv2d_dgrad(v[0], v[1], 5, 4, o); }},
        {"conv2d_wgrad", {x, y}, [=](const V& v) { return conv2d_wgrad(v[0], v[1], 3, 2, o); }},
        {"conv_transpose2d",
         {{2, 2, 3, 3}, {3, 4, 4, 2}},
         [=](const V& v) { return conv_transpose2d(v[0], v[1], o); }},
        {"upsample2x", {x}, [](const V& v) { return upsample2x(mul(v[0], v[0])); }},
        {"upsample2x_backward", {{2, 2, 4, 3}}, [](const V& v) {
             return upsample2x_backward(mul(v[0], v[0]));
         }}};
}

std::vector<GradCase> norm_and_label_cases(Device& device) {
    const Shape x{2, 2, 3, 2}, c{2};
    const Tensor labels = constant(device, {2, 3}, 8);
    return {
        {"instance_norm", {x, c, c}, [](const V& v) { return instance_norm(v[0], v[1], v[2]); }},
        {"instance_norm with relu",
         {x, c, c},
         [](const V& v) { return instance_norm(v[0], v[1], v[2], {.relu = true}); }},
        {"instance_norm with residual",
         {x, c, c, x},
         [](const V& v) { return instance_norm(v[0], v[1], v[2], {.residual = v[3]}); }},
        {"instance_norm with both",
         {x, c, c, x},
         [](const V& v) {
             return instance_norm(v[0], v[1], v[2], {.relu = true, .residual = v[3]});
         }},
        {"instance_norm by gamma alone",
         {c},
         [=, &device](const V& v) {
             return instance_norm(constant(device, x, 3), v[0], constant(device, c, 4));
         }},
        {"label_concat", {x}, [=](const V& v) { return label_concat(v[0], labels); }},
        {"label_concat_backward", {{2, 2, 2, 4}}, [](const V& v) {
             return label_concat_backward(mul(v[0], v[0]), 3);
         }}};
}

std::vector<GradCase> loss_cases(Device& device) {
    const Shape s{2, 3};
    const Tensor target = one_hot(device);
    return {
        {"bce_with_logits", {s}, [=](const V& v) { return bce_with_logits(v[0], target); }},
        {"cross_entropy", {s}, [=](const V& v) { return cross_entropy(v[0], target); }},
        {"softmax", {s}, [](const V& v) { return softmax(v[0]); }},
        {"l1_loss", {s, s}, [](const V& v) { return l1_loss(mul(v[0], v[0]), v[1]); }},
        {"slice_columns", {s}, [](const V& v) { return slice_columns(mul(v[0], v[0]), 1, 2); }},
        {"embed_columns", {s}, [](const V& v) { return embed_columns(mul(v[0], v[0]), 2, 6); }}};
}

Tensor variable(Device& device, const Shape& shape, uint64_t seed) {
    return constant(device, shape, seed).set_requires_grad();
}

}  // namespace

TEST_CASE("derivatives of every op equal differences, twice", "[autograd]") {
    const auto device = Device::cpu(1);
    for (const auto& cases : {elementwise_cases(*device), sum_cases(), conv_cases(),
                              norm_and_label_cases(*device), loss_cases(*device)})
        for (const GradCase& test : cases) check_gradients(*device, test);
}

TEST_CASE("higher derivatives: tanh has all of them, instance norm two", "[autograd]") {
    const auto device = Device::cpu(1);
    Tensor x = Tensor::full(*device, {1}, DType::f64, 0.7).set_requires_grad();
    Tensor y = tanh(x);
    const GradOptions again{.create_graph = true};
    for (int order = 1; order <= 3; ++order) y = grad({y}, {x}, again)[0];
    const double t = std::tanh(0.7), s = 1 - t * t;
    CHECK(y.item() == Approx(4 * t * t * s - 2 * s * s).epsilon(1e-12));

    Tensor image = variable(*device, {1, 2, 2, 1}, 1), gamma = variable(*device, {1}, 2);
    Tensor z = sum(mul(instance_norm(image, gamma, gamma), image));
    for (int order = 1; order <= 2; ++order) {
        z = grad({z}, {image}, again)[0];
        z = sum(mul(z, z));
    }
    expect_error([&] { grad({z}, {image}); }, {"instance_norm_double_backward", "no derivative"});
}

TEST_CASE("gradients add up over all uses of a tensor", "[autograd]") {
    const auto device = Device::cpu(1);
    Tensor x = Tensor::full(*device, {1}, DType::f64, 3).set_requires_grad();
    const Tensor square = mul(x, x);
    const Tensor y = add(add(square, mul(square, x)), affine(x, 5));  // x^2 + x^3 + 5 x
    CHECK(grad({y}, {x})[0].item() == 6 + 27 + 5);
    CHECK(grad({y, square}, {x})[0].item() == 6 + 27 + 5 + 6);
    CHECK(grad({y}, {square})[0].item() == 1 + 3);  // by a computed tensor
    const auto both = grad({y}, {square, x});
    CHECK(both[0].item() == 4);
    CHECK(both[1].item() == 6 + 27 + 5);
    CHECK(grad({x}, {x})[0].item() == 1);
}

TEST_CASE("only what somebody needs is differentiated", "[autograd]") {
    const auto device = Device::cpu(1);
    Tensor x = variable(*device, {2}, 1), z = variable(*device, {2}, 2);
    Needs seen;
    const auto probe = [&](const Tensor& a, const Tensor& b) {
        return record("probe", add(a, b).detach(), {a, b},
                      [&](const std::vector<Tensor>& grads, const Needs& needs) {
                          seen = needs;
                          return std::vector<Tensor>{grads[0], grads[0]};
                      });
    };
    const Tensor refuses =
        record("refuses", mul(z, z).detach(), {z}, not_differentiable("refuses"));
    const Tensor y = probe(affine(x, 2), refuses);
    CHECK(grad({y}, {x})[0].to_host() == std::vector<double>{2, 2});
    CHECK(seen == Needs{true, false});  // and "refuses" was not asked
    expect_error([&] { grad({y}, {z}); }, {"refuses"});

    CHECK_FALSE(add(x.detach(), z.detach()).requires_grad());
    CHECK_FALSE(grad({mul(x, x)}, {x})[0].requires_grad());
    CHECK(grad({mul(x, x)}, {x}, {.create_graph = true})[0].requires_grad());
    {
        const GradMode off(false);
        CHECK_FALSE(grad_enabled());
        CHECK_FALSE(mul(x, z).requires_grad());
    }
    CHECK(grad_enabled());
}

TEST_CASE("an input that does not matter is an error, or undefined on request", "[autograd]") {
    const auto device = Device::cpu(1);
    Tensor x = variable(*device, {2}, 1), z = variable(*device, {7, 3}, 2);
    const Tensor y = sum(mul(x, x));
    expect_error([&] { grad({y}, {x, z}); }, {"grad", "do not depend", "[7,3]"});
    const auto grads = grad({y}, {x, z}, {.allow_unused = true});
    CHECK(grads[0]);
    CHECK_FALSE(grads[1]);
    expect_error([&] { grad({y}, {z.detach()}); }, {"grad", "[7,3]", "does not require"});
    Tensor computed = mul(x, x);
    expect_error([&] { computed.set_requires_grad(); }, {"leaf"});
}

TEST_CASE("a backward that gives the wrong shape is caught", "[autograd]") {
    const auto device = Device::cpu(1);
    Tensor x = variable(*device, {2}, 1);
    const Tensor y = record("wrong", x.detach(), {x}, [&](const auto&, const Needs&) {
        return std::vector{Tensor::zeros(*device, {3}, DType::f64)};
    });
    expect_error([&] { grad({y}, {x}); }, {"wrong", "[3]", "[2]"});
}

TEST_CASE("a graph of 20000 nodes can be differentiated and released", "[autograd]") {
    const auto device = Device::cpu(1);
    Tensor x = Tensor::full(*device, {1}, DType::f64, 1).set_requires_grad();
    Tensor y = x;
    for (int i = 0; i < 20000; ++i) y = i % 2 ? add(y, x) : tanh(affine(y, 0.5));
    CHECK(std::isfinite(grad({y}, {x})[0].item()));
    Tensor slope = grad({y}, {x}, {.create_graph = true})[0];
    y = Tensor();
    slope = Tensor();  // must not recurse through the chain of nodes
    CHECK(device->arena().bytes_in_use() < 10000);
}
