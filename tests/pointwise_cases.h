#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "kernels/pointwise/pointwise.h"

// The elementwise kernels' operations and their formulas in f64.

namespace sg::testing {

struct UnaryCase {
    Unary op;
    double a, b;
    std::function<double(double)> f;
};

inline const std::vector<UnaryCase> kUnary = {
    {Unary::affine, 1.5, -0.25, [](double x) { return 1.5 * x - 0.25; }},
    {Unary::leaky_relu, 0.01, 0, [](double x) { return x > 0 ? x : 0.01 * x; }},
    {Unary::leaky_relu, 0, 0, [](double x) { return std::max(x, 0.0); }},
    {Unary::tanh, 1, 0, [](double x) { return std::tanh(x); }},
    {Unary::sigmoid, 1, 0, [](double x) { return 1 / (1 + std::exp(-x)); }},
    {Unary::softplus, 1, 0, [](double x) { return std::log1p(std::exp(x)); }},
    {Unary::sign, 1, 0, [](double x) { return x > 0   ? 1.0
                                              : x < 0 ? -1.0
                                                      : 0.0; }},
    {Unary::reciprocal, 1, 0, [](double x) { return x == 0 ? 0 : 1 / x; }},
    {Unary::sqrt, 1, 0, [](double x) { return std::sqrt(x); }}};

struct BinaryCase {
    Binary op;
    double a, b;
    std::function<double(double, double)> f;
};

inline const std::vector<BinaryCase> kBinary = {
    {Binary::add, 0.5, -2, [](double x, double z) { return 0.5 * x - 2 * z; }},
    {Binary::multiply, 1, 1, [](double x, double z) { return x * z; }},
    {Binary::multiply, -2, 1, [](double x, double z) { return -2 * x * z; }},
    {Binary::leaky_relu_backward, 0.25, 1, [](double x, double z) { return z > 0 ? x : 0.25 * x; }},
    {Binary::tanh_backward, 1, 1, [](double x, double z) { return x * (1 - z * z); }}};

}  // namespace sg::testing
