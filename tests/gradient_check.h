#pragma once

#include <functional>

#include "engine/ops.h"
#include "tests/support.h"

namespace sg::testing {

/// A function of f64 tensors whose derivatives are to be compared with differences.
struct GradCase {
    std::string name;
    std::vector<Shape> shapes;  ///< of the inputs
    std::function<Tensor(const std::vector<Tensor>&)> f;
    bool positive = false;  ///< inputs in [0.2, 1.2) instead of +-[0.1, 1)
};

/// Host values for every input of a case.
using Values = std::vector<std::vector<double>>;

inline std::vector<Tensor> variables(Device& device, const std::vector<Shape>& shapes,
                                     const Values& values) {
    std::vector<Tensor> result;
    for (size_t i = 0; i < shapes.size(); ++i)
        result.push_back(Tensor::from_host(device, shapes[i], std::span<const double>(values[i])));
    for (Tensor& t : result) t.set_requires_grad();
    return result;
}

/// Central differences of a scalar function by every value.
inline Values differences(const std::function<double(const Values&)>& f, Values at, double h) {
    Values result = at;
    for (size_t i = 0; i < at.size(); ++i)
        for (size_t e = 0; e < at[i].size(); ++e) {
            const double x = at[i][e];
            at[i][e] = x + h;
            const double above = f(at);
            at[i][e] = x - h;
            const double below = f(at);
            at[i][e] = x;
            result[i][e] = (above - below) / (2 * h);
        }
    return result;
}

/// A fixed tensor with values in [-1, 1).
inline Tensor constant(Device& device, const Shape& shape, uint64_t seed) {
    return Tensor::from_host(device, shape,
                             std::span<const double>(uniform(element_count(shape), seed)));
}

/// Gradients on the host; zeros where the output does not depend on the input.
inline Values gradients(const Tensor& output, const std::vector<Tensor>& inputs) {
    Values result;
    const auto grads = grad({output}, inputs, {.allow_unused = true});
    for (size_t i = 0; i < inputs.size(); ++i)
        result.push_back(grads[i] ? grads[i].to_host() : std::vector<double>(inputs[i].size()));
    return result;
}

/// sum_i <c_i, d<w, f>/d input_i> with fixed c_i: a scalar that holds every first derivative.
inline Tensor weighted_gradient(const Tensor& weighted, const std::vector<Tensor>& inputs) {
    const auto grads = grad({weighted}, inputs, {.create_graph = true, .allow_unused = true});
    Tensor total;
    for (size_t i = 0; i < inputs.size(); ++i) {
        if (!grads[i]) continue;
        const Tensor c = constant(inputs[i].device(), inputs[i].shape(), 100 + i);
        const Tensor term = sum(mul(grads[i], c));
        total = total ? add(total, term) : term;
    }
    return total;
}

/// Checks first and second derivatives of <w, f(inputs)>. w is an input like the others, so that
/// the derivative of backward by its grad_y is checked too.
inline void check_gradients(Device& device, const GradCase& test) {
    INFO(test.name);
    std::vector<Shape> shapes = test.shapes;
    Values at;
    for (size_t i = 0; i < shapes.size(); ++i) {
        const int64_t count = element_count(shapes[i]);
        at.push_back(test.positive ? uniform(count, i, 0.2, 1.2) : away_from_zero(count, i));
    }
    const Tensor probe = test.f(variables(device, shapes, at));
    shapes.push_back(probe.shape());
    at.push_back(uniform(probe.size(), 50));

    const auto weighted = [&](const std::vector<Tensor>& v) {
        return sum(mul(test.f({v.begin(), v.end() - 1}), v.back()));
    };
    const auto value = [&](const Values& x) {
        return weighted(variables(device, shapes, x)).item();
    };
    const auto slope = [&](const Values& x) {
        const auto v = variables(device, shapes, x);
        return weighted_gradient(weighted(v), v).item();
    };
    const auto v = variables(device, shapes, at);
    const Values first = gradients(weighted(v), v);
    const Values second = gradients(weighted_gradient(weighted(v), v), v);
    const Values first_expected = differences(value, at, 1e-5);
    const Values second_expected = differences(slope, at, 1e-5);
    for (size_t i = 0; i < at.size(); ++i) {
        INFO("input " << i << " of " << at.size() << ", the last one is the cotangent");
        CHECK(max_error(first[i], first_expected[i]) < 1e-8);
        CHECK(max_error(second[i], second_expected[i]) < 1e-8);
    }
}

}  // namespace sg::testing
