#include "kernels/gradient_penalty/gradient_penalty.h"
#include "kernels/loss/loss.h"
#include "kernels/pointwise/pointwise.h"
#include "kernels/reduce/reduce.h"
#include "tests/support.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
std::pair<std::vector<double>, std::vector<double>> sums(CpuContext& context, int64_t rows,
                                                         int64_t columns, const std::vector<T>& x) {
    using A = acc_t<T>;
    Output<A> by_row(rows), by_channel(columns), workspace(sum_workspace(rows, columns));
    sum_rows(context, SumArgs<T>{rows, columns, x.data(), by_row, workspace});
    sum_channels(context, SumArgs<T>{rows, columns, x.data(), by_channel, workspace});
    workspace.get();
    return {by_row.get(), by_channel.get()};
}

template <class T>
void check_sums(int64_t rows, int64_t columns) {
    INFO(rows << " rows, " << columns << " columns");
    const auto x = to<T>(uniform(rows * columns, 1, -0.5, 1));
    std::vector<double> by_row(rows), by_channel(columns);
    for (int64_t i = 0; i < rows * columns; ++i) {
        by_row[i / columns] += double(acc_t<T>(x[i]));
        by_channel[i % columns] += double(acc_t<T>(x[i]));
    }
    CpuContext one(1);
    const auto got = sums(one, rows, columns, x);
    const double tolerance = 100 * half_ulp<acc_t<T>>;
    CHECK(max_error(got.first, by_row) < tolerance);
    CHECK(max_error(got.second, by_channel) < tolerance);
    for (int threads : {2, 3, 5}) {
        CpuContext several(threads);
        CHECK(sums(several, rows, columns, x) == got);
    }
}

template <class T>
double l1(int threads, const std::vector<T>& x, const std::vector<T>& z) {
    CpuContext context(threads);
    const auto count = int64_t(x.size());
    Output<T> value(1), workspace(l1_workspace(count));
    l1_forward(context, L1Args<T>{count, x.data(), z.data(), value, workspace});
    workspace.get();
    return value.get()[0];
}

struct PenaltyValues {
    std::vector<double> norm, k, value;
    bool operator==(const PenaltyValues&) const = default;
};
template <class T>
PenaltyValues penalty(int threads, int64_t N, int64_t M, const std::vector<T>& g) {
    CpuContext context(threads);
    Output<T> norm(N), k(N), value(1), workspace(penalty_workspace(N, M));
    gradient_penalty(context, PenaltyArgs<T>{N, M, g.data(), norm, k, value, workspace});
    workspace.get();
    return {norm.get(), k.get(), value.get()};
}

template <class T>
double loss(void (*kernel)(CpuContext&, const BceArgs<T>&), int64_t N, int64_t L,
            const std::vector<T>& logits, const std::vector<T>& targets) {
    CpuContext context(1);
    Output<T> value(1);
    kernel(context, BceArgs<T>{N, L, logits.data(), targets.data(), value});
    return value.get()[0];
}

}  // namespace

TEST_CASE("sums are right and the same on any number of threads", "[reduce]") {
    const int64_t long_row = 3 * chunk_elements + 5;
    const std::vector<std::pair<int64_t, int64_t>> extents = {
        {1, 1}, {1, long_row}, {3, long_row}, {513, 5}, {2000, 33}, {7, 1}};
    for (const auto& [rows, columns] : extents) {
        check_sums<float>(rows, columns);
        check_sums<bf16>(rows, columns);
        check_sums<double>(rows, columns);
    }
}

TEST_CASE("the first value that is not finite is found", "[reduce]") {
    CpuContext context(3);
    const int64_t count = 2 * chunk_elements + 11;
    auto values = uniform(count, 1);
    const auto first = [&](auto x) { return first_non_finite(context, x.data(), count); };
    CHECK(first(to<float>(values)) == -1);
    values[0] = 1e38;
    values[1] = -1e38;
    CHECK(first(to<float>(values)) == -1);  // large, but finite
    for (int64_t at : {count - 1, chunk_elements, int64_t{3}, int64_t{0}}) {
        values[at] = at % 2 ? std::nan("") : at ? kInfinity : -kInfinity;
        CHECK(first(to<float>(values)) == at);
        CHECK(first(to<bf16>(values)) == at);
        CHECK(first(to<double>(values)) == at);
    }
    CHECK(first_non_finite(context, values.data() + 1, 0) == -1);
}

TEST_CASE("mean absolute error", "[loss]") {
    const int64_t count = 2 * chunk_elements + 3;
    const auto x = uniform(count, 1), z = uniform(count, 2);
    double want = 0;
    for (int64_t i = 0; i < count; ++i) want += std::abs(x[i] - z[i]) / double(count);
    CHECK(l1(1, x, z) == Approx(want).epsilon(1e-12));
    CHECK(l1(1, to<float>(x), to<float>(z)) == Approx(want).epsilon(1e-6));
    for (int threads : {2, 3, 5})
        CHECK(l1(threads, to<float>(x), to<float>(z)) == l1(1, to<float>(x), to<float>(z)));
}

TEST_CASE("classification losses", "[loss]") {
    const auto z = uniform(12, 1, -4, 4);
    const std::vector<double> y = {1, 0, 0, 1, 0.5, 0, 0, 1, 1, 0, 0, 1};
    double bce = 0;
    for (int i = 0; i < 12; ++i) {
        const double p = 1 / (1 + std::exp(-z[i]));
        bce -= (y[i] * std::log(p) + (1 - y[i]) * std::log(1 - p)) / 3;
    }
    CHECK(loss<double>(bce_with_logits_forward, 3, 4, z, y) == Approx(bce).epsilon(1e-13));
    CHECK(loss<float>(bce_with_logits_forward, 3, 4, to<float>(z), to<float>(y)) ==
          Approx(bce).epsilon(1e-6));
    const std::vector<double> hot = {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1};
    double entropy = 0;
    for (int n = 0; n < 3; ++n) {
        double sum = 0;
        for (int l = 0; l < 4; ++l) sum += std::exp(z[4 * n + l]);
        for (int l = 0; l < 4; ++l)
            entropy -= hot[4 * n + l] * std::log(std::exp(z[4 * n + l]) / sum) / 3;
    }
    CHECK(loss<double>(cross_entropy_forward, 3, 4, z, hot) == Approx(entropy).epsilon(1e-13));
    // Logits that overflow exp.
    const std::vector<float> large = {1000, -1000, 500}, target = {1, 0, 0}, wrong = {0, 1, 0};
    CHECK(loss<float>(bce_with_logits_forward, 1, 3, large, target) == Approx(500));
    CHECK(loss<float>(bce_with_logits_forward, 1, 3, large, wrong) == Approx(2500));
    CHECK(loss<float>(cross_entropy_forward, 1, 3, large, target) == 0);
    CHECK(loss<float>(cross_entropy_forward, 1, 3, large, wrong) == Approx(2000));
}

TEST_CASE("softmax", "[loss]") {
    CpuContext context(1);
    std::vector<double> x = {1, 2, 3, 1000, 0, -1000};
    softmax_forward(context, SoftmaxArgs<double>{2, 3, x.data(), x.data()});
    const double sum = std::exp(-2.0) + std::exp(-1.0) + 1;
    CHECK(max_error(x, {std::exp(-2.0) / sum, std::exp(-1.0) / sum, 1 / sum, 1, 0, 0}) < 1e-15);
}

TEST_CASE("interpolation between real and fake", "[gradient_penalty]") {
    CpuContext context(2);
    const auto real = uniform(3 * 50, 1), fake = uniform(3 * 50, 2);
    const std::vector<double> alpha = {0, 1, 0.25};
    Output<double> x_hat(150);
    interpolate(context,
                InterpolateArgs<double>{3, 50, real.data(), fake.data(), alpha.data(), x_hat});
    std::vector<double> want;
    for (int i = 0; i < 150; ++i)
        want.push_back(alpha[i / 50] * real[i] + (1 - alpha[i / 50]) * fake[i]);
    CHECK(max_error(x_hat.get(), want) < 1e-15);
    for (int i = 0; i < 50; ++i) CHECK(x_hat.get()[i] == fake[i]);
}

TEST_CASE("the penalty and its slope, also for a vanishing gradient", "[gradient_penalty]") {
    const int64_t N = 3, M = chunk_elements + 100;
    auto g = uniform(N * M, 1, -0.01, 0.02);
    std::fill_n(g.begin() + M, M, 0.0);  // the second image
    std::vector<double> norm(N), k(N);
    double value = 0;
    for (int64_t n = 0; n < N; ++n) {
        for (int64_t m = 0; m < M; ++m) norm[n] += g[n * M + m] * g[n * M + m];
        norm[n] = std::sqrt(norm[n]);
        k[n] = norm[n] > 0 ? 2.0 / 3 * (1 - 1 / norm[n]) : 0;
        value += (norm[n] - 1) * (norm[n] - 1) / 3;
    }
    const auto exact = penalty(2, N, M, g);
    CHECK(max_error(exact.norm, norm) < 1e-13);
    CHECK(max_error(exact.k, k) < 1e-12);
    CHECK(exact.value[0] == Approx(value).epsilon(1e-12));
    CHECK(exact.k[1] == 0);
    const auto single = penalty(1, N, M, to<float>(g));
    CHECK(max_error(single.norm, norm) < 1e-5);
    for (int threads : {2, 3, 5}) CHECK(penalty(threads, N, M, to<float>(g)) == single);
    // k g is the slope of value.
    constexpr double h = 1e-6;
    auto above = g, below = g;
    above[7] += h, below[7] -= h;
    CHECK((penalty(1, N, M, above).value[0] - penalty(1, N, M, below).value[0]) / (2 * h) ==
          Approx(k[0] * g[7]).epsilon(1e-6));
}
