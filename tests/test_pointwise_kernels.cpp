#include <functional>

#include "kernels/adam/adam.h"
#include "kernels/gradient_penalty/gradient_penalty.h"
#include "kernels/label_concat/label_concat.h"
#include "kernels/pointwise/pointwise.h"
#include "tests/support.h"

using namespace sg;
using namespace sg::testing;

namespace {

// More than two chunks and no multiple of a vector.
constexpr int64_t kCount = 2 * chunk_elements + 37;

struct UnaryCase {
    Unary op;
    double a, b;
    std::function<double(double)> f;
};

const std::vector<UnaryCase> kUnary = {
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

/// Largest |got - want| / |want|: every element by itself.
double relative(const std::vector<double>& got, const std::vector<double>& want) {
    double worst = 0;
    for (size_t i = 0; i < want.size(); ++i) {
        const double error = std::abs(got[i] - want[i]) / std::max(std::abs(want[i]), 1e-30);
        if (!(error <= worst)) worst = got[i] == want[i] ? worst : error;
    }
    return worst;
}

template <class T>
void check_unary(CpuContext& context, const UnaryCase& test) {
    auto values = uniform(kCount, 1, -6, 6);
    values[5] = 0;
    if (test.op == Unary::sqrt)
        for (double& v : values) v = std::abs(v);
    const auto x = to<T>(values);
    std::vector<double> want;
    for (const T& v : x) want.push_back(test.f(double(acc_t<T>(v))));
    Output<T> y(kCount);
    unary(context,
          UnaryArgs<T>{
              .op = test.op, .count = kCount, .x = x.data(), .y = y, .a = test.a, .b = test.b});
    // Results near zero (affine) are judged against the operands' size.
    CHECK(max_error(y.get(), want) < 4 * half_ulp<T>);
    if (test.op != Unary::affine) CHECK(relative(y.get(), want) < 40 * half_ulp<T>);
    auto in_place = x;
    unary(context, UnaryArgs<T>{.op = test.op,
                                .count = kCount,
                                .x = in_place.data(),
                                .y = in_place.data(),
                                .a = test.a,
                                .b = test.b});
    CHECK(to_double(in_place) == y.get());
}

template <class T>
void check_binary(CpuContext& context, Binary op, double a, double b,
                  const std::function<double(double, double)>& f) {
    const auto x = to<T>(uniform(kCount, 1)), z = to<T>(uniform(kCount, 2));
    std::vector<double> want;
    for (int64_t i = 0; i < kCount; ++i)
        want.push_back(f(double(acc_t<T>(x[i])), double(acc_t<T>(z[i]))));
    Output<T> y(kCount);
    binary(context,
           BinaryArgs<T>{
               .op = op, .count = kCount, .x = x.data(), .z = z.data(), .y = y, .a = a, .b = b});
    CHECK(max_error(y.get(), want) < 2 * half_ulp<T>);
}

template <class T>
void check_layout(CpuContext& context) {
    constexpr int64_t rows = 3, columns = 7001;
    const auto x = to<T>(uniform(rows * columns, 1));
    const auto per_row = to<acc_t<T>>(uniform(rows, 2));
    const auto per_column = to<acc_t<T>>(uniform(columns, 3));
    Output<T> scaled(rows * columns), by_row(rows * columns), by_column(rows * columns);
    Output<T> turned(rows * columns);
    scale_rows(context, ScaleRowsArgs<T>{rows, columns, x.data(), per_row.data(), scaled});
    broadcast_rows(context, BroadcastArgs<T>{rows, columns, per_row.data(), by_row});
    broadcast_channels(context, BroadcastArgs<T>{rows, columns, per_column.data(), by_column});
    transpose(context, TransposeArgs<T>{1, rows, columns, x.data(), turned});
    const auto s = scaled.get(), r = by_row.get(), c = by_column.get(), t = turned.get();
    bool all = true;
    for (int64_t i = 0; i < rows * columns; ++i) {
        const int64_t row = i / columns, column = i % columns;
        all &= s[i] == double(acc_t<T>(T(acc_t<T>(x[i]) * per_row[row])));
        all &= r[i] == double(acc_t<T>(T(per_row[row])));
        all &= c[i] == double(acc_t<T>(T(per_column[column])));
        all &= t[column * rows + row] == double(acc_t<T>(x[i]));
    }
    CHECK(all);
}

template <class T>
void check_label_concat(CpuContext& context) {
    constexpr int64_t N = 2, M = 1500, C = 3, L = 5;
    const auto x = to<T>(uniform(N * M * C, 1));
    const auto labels = to<acc_t<T>>(uniform(N * L, 2));
    Output<T> y(N * M * (C + L)), back(N * M * C);
    label_concat_forward(context,
                         LabelConcatForwardArgs<T>{N, M, C, L, x.data(), labels.data(), y});
    label_concat_backward(context, LabelConcatBackwardArgs<T>{N, M, C, L, y.data(), back});
    const auto got = y.get();
    bool all = true;
    for (int64_t i = 0; i < N * M; ++i)
        for (int64_t c = 0; c < C + L; ++c) {
            const double want = c < C ? double(acc_t<T>(x[i * C + c]))
                                      : double(acc_t<T>(T(labels[i / M * L + c - C])));
            all &= got[i * (C + L) + c] == want;
        }
    CHECK(all);
    CHECK(back.get() == to_double(x));
}

}  // namespace

TEST_CASE("unary kernels equal their formulas", "[pointwise]") {
    CpuContext context(2);
    for (const UnaryCase& test : kUnary) {
        INFO("op " << int(test.op));
        check_unary<float>(context, test);
        check_unary<bf16>(context, test);
        check_unary<double>(context, test);
    }
}

TEST_CASE("softplus and sigmoid keep their digits at the extremes", "[pointwise]") {
    CpuContext context(1);
    const std::vector<float> x = {-1e30f, -1000, -100, -50, 0, 50, 100, 1000, 1e30f};
    Output<float> soft(9), sig(9);
    unary(context, UnaryArgs<float>{.op = Unary::softplus, .count = 9, .x = x.data(), .y = soft});
    unary(context, UnaryArgs<float>{.op = Unary::sigmoid, .count = 9, .x = x.data(), .y = sig});
    const auto s = soft.get(), p = sig.get();
    for (int i : {5, 6, 7, 8}) CHECK(s[i] == x[i]);
    for (int i : {0, 1}) CHECK(s[i] == 0);
    CHECK(s[3] == Approx(std::exp(-50.0)).epsilon(1e-5));
    CHECK(s[4] == Approx(std::log(2.0)).epsilon(1e-6));
    CHECK(p[3] == Approx(std::exp(-50.0)).epsilon(1e-5));
    CHECK(p[4] == 0.5);
    for (int i : {0, 1}) CHECK(p[i] == 0);
    for (int i : {7, 8}) CHECK(p[i] == 1);
}

TEST_CASE("tanh is good to 3e-7 everywhere", "[pointwise]") {
    CpuContext context(2);
    std::vector<float> x;
    for (int i = -200'000; i <= 200'000; ++i) x.push_back(float(i) * 5e-5f);
    for (float v : {0.625f, 9.0f, 50.0f, 1e30f, std::numeric_limits<float>::infinity(), 1e-40f})
        x.insert(x.end(), {v, -v, std::nextafter(v, 0.0f), -std::nextafter(v, 0.0f)});
    Output<float> y(int64_t(x.size()));
    unary(context, UnaryArgs<float>{.op = Unary::tanh, .count = y.size(), .x = x.data(), .y = y});
    const auto got = y.get();
    double worst = 0, small = 0, largest = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double want = std::tanh(double(x[i])), error = std::abs(got[i] - want);
        worst = std::isnan(error) ? error : std::max(worst, error);
        largest = std::max(largest, std::abs(got[i]));
        if (std::abs(x[i]) < 0.1f) small = std::max(small, error - 3e-7 * std::abs(want));
    }
    CHECK(worst < 3e-7);
    CHECK(small < 1e-40);  // near zero the relative error is as small
    CHECK((largest <= 1 && largest > 1 - 1e-7));
    const float nan = std::numeric_limits<float>::quiet_NaN();
    Output<float> one(1);
    unary(context, UnaryArgs<float>{.op = Unary::tanh, .count = 1, .x = &nan, .y = one});
    CHECK(std::isnan(one.get()[0]));
}

TEST_CASE("binary kernels equal their formulas", "[pointwise]") {
    CpuContext context(2);
    const auto all = [&]<class T>(T) {
        check_binary<T>(context, Binary::add, 0.5, -2,
                        [](double x, double z) { return 0.5 * x - 2 * z; });
        check_binary<T>(context, Binary::multiply, 1, 1, [](double x, double z) { return x * z; });
        check_binary<T>(context, Binary::leaky_relu_backward, 0.25, 1,
                        [](double x, double z) { return z > 0 ? x : 0.25 * x; });
        check_binary<T>(context, Binary::tanh_backward, 1, 1,
                        [](double x, double z) { return x * (1 - z * z); });
    };
    all(float());
    all(bf16());
    all(double());
}

TEST_CASE("broadcasts, row factors, transpose and label planes", "[pointwise]") {
    CpuContext context(2);
    check_layout<float>(context);
    check_layout<bf16>(context);
    check_layout<double>(context);
    check_label_concat<float>(context);
    check_label_concat<bf16>(context);
    check_label_concat<double>(context);
    const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    Output<float> y(12);
    transpose(context, TransposeArgs<float>{2, 2, 3, x.data(), y});
    CHECK(y.get() == std::vector<double>{1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12});
}

TEST_CASE("Adam follows the paper's algorithm 1", "[adam]") {
    constexpr int64_t count = kCount;
    const auto run = [&]<class T>(int threads, double tolerance, T) {
        CpuContext context(threads);
        auto p = to<T>(uniform(count, 1)), m = to<T>(uniform(count, 0, 0, 0)), v = m;
        auto theta = to_double(p), first = to_double(m), second = first;
        const double lr = 1e-3, b1 = 0.5, b2 = 0.999, eps = 1e-8;
        for (int t = 1; t <= 5; ++t) {
            const auto g = to<T>(uniform(count, 10 + t));
            adam_update(context, AdamArgs<T>{count, p.data(), m.data(), v.data(), g.data(), t, lr,
                                             b1, b2, eps});
            for (int64_t i = 0; i < count; ++i) {
                first[i] = b1 * first[i] + (1 - b1) * double(g[i]);
                second[i] = b2 * second[i] + (1 - b2) * double(g[i]) * double(g[i]);
                const double m_hat = first[i] / (1 - std::pow(b1, t));
                const double v_hat = second[i] / (1 - std::pow(b2, t));
                theta[i] -= lr * m_hat / (std::sqrt(v_hat) + eps);
            }
        }
        CHECK(max_error(to_double(p), theta) < tolerance);
        CHECK(max_error(to_double(m), first) < tolerance);
        CHECK(max_error(to_double(v), second) < tolerance);
        return p;
    };
    CHECK(same_bits(run(1, 1e-6, 0.0f), run(3, 1e-6, 0.0f)));
    CHECK(same_bits(run(1, 1e-14, 0.0), run(2, 1e-14, 0.0)));
}
