#include "train/eval/feature_statistics.h"

#include <algorithm>
#include <cmath>

#include "tests/support.h"

using namespace sg;
using namespace sg::testing;

namespace {

using Rows = std::vector<std::vector<double>>;

std::vector<float> flat(const Rows& rows) {
    std::vector<float> values;
    for (const auto& row : rows)
        for (const double value : row) values.push_back(float(value));
    return values;
}

double frechet(const Rows& a, const Rows& b) {
    return frechet_distance(flat(a), int64_t(a.size()), flat(b), int64_t(b.size()),
                            int64_t(a[0].size()));
}

Rows random_rows(int64_t rows, int64_t features, uint64_t seed) {
    const auto values = uniform(rows * features, seed);
    Rows result(rows);
    for (int64_t n = 0; n < rows; ++n)
        result[n].assign(values.begin() + n * features, values.begin() + (n + 1) * features);
    return result;
}

/// Rows mean +- spread_i e_i: the covariance is exactly diagonal, 2 spread_i^2 / (rows - 1).
Rows axes(const std::vector<double>& mean, const std::vector<double>& spread) {
    Rows rows;
    for (size_t i = 0; i < mean.size(); ++i)
        for (const double sign : {1.0, -1.0}) {
            rows.push_back(mean);
            rows.back()[i] += sign * spread[i];
        }
    return rows;
}

/// x W^T + shift with W[i][j] = ((3 i + 5 j + k) mod 7 - 3) / 4, shift k / 8: correlated features.
Rows mixed(const Rows& rows, int k) {
    Rows result;
    for (const auto& row : rows) {
        std::vector<double> y(row.size(), k / 8.0);
        for (size_t i = 0; i < y.size(); ++i)
            for (size_t j = 0; j < row.size(); ++j)
                y[i] += row[j] * (double((3 * i + 5 * j + size_t(k)) % 7) - 3) / 4;
        result.push_back(y);
    }
    return result;
}

/// Every row turned by the same rotation: one plane after the other.
Rows turned(Rows rows, uint64_t seed) {
    const size_t F = rows[0].size();
    const auto angles = uniform(int64_t(F * F), seed, 0, 6.28);
    for (auto& row : rows)
        for (size_t i = 0; i < F; ++i)
            for (size_t j = 0; j < i; ++j) {
                const double c = std::cos(angles[i * F + j]), s = std::sin(angles[i * F + j]);
                const double x = row[i], y = row[j];
                row[i] = c * x - s * y;
                row[j] = s * x + c * y;
            }
    return rows;
}

double squared(const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x * x;
    return sum;
}

bool near(double value, double expected, double relative) {
    return std::abs(value - expected) <= relative * std::max(1.0, std::abs(expected));
}

}  // namespace

TEST_CASE("frechet: Gaussians with diagonal covariances have a closed form") {
    const std::vector<double> mean_a{0.5, -1, 2, 0}, mean_b{0.25, 1, 2, -3};
    const std::vector<double> spread_a{1, 2, 0.5, 3}, spread_b{2, 2, 0, 0.25};
    double expected = 0;
    for (size_t i = 0; i < 4; ++i) {
        const double mean = mean_a[i] - mean_b[i], spread = spread_a[i] - spread_b[i];
        expected += mean * mean + 2 * spread * spread / 7;  // 8 rows each
    }
    const Rows a = axes(mean_a, spread_a), b = axes(mean_b, spread_b);
    CHECK(near(frechet(a, b), expected, 1e-12));
    CHECK(near(frechet(b, a), expected, 1e-12));
}

TEST_CASE("frechet: numbers of an independent computation") {
    // By SciPy in f64: |mean|^2 + tr(S_a + S_b - 2 sqrtm(S_a S_b)), np.cov, of the f32 values of
    // uniform(rows * 6, seed), as they are and mixed.
    const Rows a = random_rows(40, 6, 21), b = random_rows(25, 6, 22);
    CHECK(near(frechet(a, b), 0.16292896187640285, 1e-12));
    CHECK(near(frechet(mixed(a, 1), mixed(b, 2)), 0.48769283947066144, 1e-12));
    // Fewer rows than features, where sqrtm loses digits: the mixed term as the sum of the singular
    // values of X_a X_b^T, X the rows without their mean over sqrt(rows - 1), by NumPy.
    CHECK(near(frechet(random_rows(5, 12, 23), random_rows(7, 12, 24)), 6.324960834130649, 1e-10));
}

TEST_CASE("frechet: a set has no distance from itself, in any order") {
    for (const int64_t rows : {2, 7, 200}) {  // features: 16
        CAPTURE(rows);
        const Rows a = mixed(random_rows(rows, 16, 3), 4);
        Rows reversed = a;
        std::reverse(reversed.begin(), reversed.end());
        const double distance = frechet(a, reversed);
        CHECK(distance >= 0);
        CHECK(distance < 1e-10);
    }
    const Rows constant(5, {1, 2, 3});
    CHECK(frechet(constant, constant) == 0);
}

TEST_CASE("frechet: a shift by d adds |d|^2, a rotation of both nothing") {
    const Rows a = mixed(random_rows(50, 8, 5), 3), b = random_rows(30, 8, 6);
    const auto shift = uniform(8, 7, -4, 4);
    Rows shifted = a;
    for (auto& row : shifted)
        for (size_t i = 0; i < row.size(); ++i) row[i] += shift[i];
    CHECK(near(frechet(a, shifted), squared(shift), 1e-6));  // the shifted values are rounded
    CHECK(frechet(a, b) > 1);
    CHECK(near(frechet(turned(a, 8), turned(b, 8)), frechet(a, b), 1e-6));
    CHECK_FALSE(near(frechet(turned(a, 8), b), frechet(a, b), 1e-2));
}

TEST_CASE("frechet: sets of far fewer rows than features") {
    // Rows +-u and +-v: both covariances have rank 1, tr (S_a S_b)^(1/2) = 2 |u v|.
    const auto u = to_double(to<float>(uniform(64, 9))), v = to_double(to<float>(uniform(64, 10)));
    double product = 0;
    for (size_t i = 0; i < u.size(); ++i) product += u[i] * v[i];
    const auto both = [](const std::vector<double>& w) {
        Rows rows{w, w};
        for (double& x : rows[1]) x = -x;
        return rows;
    };
    const double expected = 2 * squared(u) + 2 * squared(v) - 4 * std::abs(product);
    CHECK(near(frechet(both(u), both(v)), expected, 1e-10));
}

TEST_CASE("frechet: what has no distance is refused") {
    const std::vector<float> six(6, 1.0f);
    const auto call = [&](const std::vector<float>& a, int64_t rows, int64_t features) {
        return [=] { frechet_distance(a, rows, std::vector<float>(6, 1.0f), 3, features); };
    };
    CHECK(frechet_distance(six, 3, six, 3, 2) == 0);
    expect_error(call(six, 1, 6), {"frechet_distance", "1 images", "at least 2"});
    expect_error(call(six, 4, 2), {"6 values", "4 rows of 2"});
    expect_error(call(six, 3, 0), {"0 features"});
    expect_error([&] { frechet_distance(six, 3, std::span(six).first(2), 1, 2); }, {"1 images"});
    std::vector<float> bad = six;
    bad[3] = std::nanf("");
    expect_error(call(bad, 3, 2), {"feature 1 of image 1", "nan"});
}

TEST_CASE("identity: translations that keep their person are closer") {
    // People on a line, 10 apart; translations move each by 1 in the other direction of the plane.
    Rows people, moved;
    for (int n = 0; n < 20; ++n) {
        people.push_back({10.0 * n, 0});
        moved.push_back({10.0 * n, 1});
    }
    const IdentityDistances kept = identity_distances(flat(people), flat(moved), 20, 2, 1);
    CHECK(near(kept.same, 1, 1e-12));
    CHECK(near(kept.closer, 1, 1e-12));
    CHECK(kept.other >= 10);  // never the image itself
    // Pairs of 20 different points on a line: mean |i - j| = 7, standard deviation 4.6.
    double others = 0;
    for (uint64_t seed = 0; seed < 50; ++seed)
        others += identity_distances(flat(people), flat(moved), 20, 2, seed).other / 50;
    CHECK(std::abs(others - 70) < 6);  // four standard errors of 1000 draws

    // Everybody becomes somebody else, ten places away.
    std::rotate(moved.begin(), moved.begin() + 10, moved.end());
    const IdentityDistances lost = identity_distances(flat(people), flat(moved), 20, 2, 1);
    CHECK(near(lost.same, std::sqrt(100 * 100 + 1), 1e-9));
    CHECK(lost.closer < 0.6);
}

TEST_CASE("identity: two images are each other's other image") {
    const Rows inputs{{0, 0}, {3, 4}}, translations{{0, 1}, {0.5, 0}};
    const IdentityDistances d = identity_distances(flat(inputs), flat(translations), 2, 2, 7);
    CHECK(near(d.same, (1 + std::hypot(2.5, 4)) / 2, 1e-12));
    CHECK(near(d.other, 5, 1e-12));
    CHECK(d.closer == 0.5);  // the second is nearer to the first than to its input
    expect_error(
        [&] {
            identity_distances(flat({{1, 2}}), flat({{1, 2}}), 1, 2, 7);
        },
        {"identity_distances", "1 images"});
    expect_error(
        [&] {
            identity_distances(flat(inputs), flat({{1, 2}}), 2, 2, 7);
        },
        {"2 values are not 2 rows of 2"});
}
