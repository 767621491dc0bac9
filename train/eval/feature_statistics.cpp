#include "train/eval/feature_statistics.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"

namespace sg {

namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

void check(const char* operation, std::span<const float> values, int64_t rows, int64_t features) {
    require(features > 0, operation, "{} features, expected at least 1", features);
    require(rows >= 2, operation, "{} images, expected at least 2", rows);
    require(int64_t(values.size()) == rows * features, operation, "{} values are not {} rows of {}",
            values.size(), rows, features);
    const auto found = std::find_if_not(values.begin(), values.end(),
                                        [](float value) { return std::isfinite(value); });
    require(found == values.end(), operation, "feature {} of image {} is {}",
            (found - values.begin()) % features, (found - values.begin()) / features,
            found == values.end() ? 0.0f : *found);
}

struct Gaussian {
    Vector mean;
    Matrix covariance;
};

Gaussian fit(std::span<const float> values, int64_t rows, int64_t features) {
    using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Matrix x = Eigen::Map<const RowMajor>(values.data(), rows, features).cast<double>();
    const Vector mean = x.colwise().mean().transpose();
    x.rowwise() -= mean.transpose();
    return {.mean = mean, .covariance = x.transpose() * x / double(rows - 1)};
}

using EigenSolver = Eigen::SelfAdjointEigenSolver<Matrix>;

EigenSolver solve(const Matrix& symmetric, Eigen::DecompositionOptions what) {
    EigenSolver solver(symmetric, what);
    require(solver.info() == Eigen::Success, "frechet_distance",
            "the eigenvalues of a symmetric {0}x{0} matrix cannot be found", symmetric.rows());
    return solver;
}

/// The symmetric root of a covariance. Eigenvalues that are 0 but for rounding become 0: the root
/// of 1e-16 would be 1e-8.
Matrix symmetric_root(const Matrix& covariance) {
    const EigenSolver solver = solve(covariance, Eigen::ComputeEigenvectors);
    const double least = std::numeric_limits<double>::epsilon() * double(covariance.rows()) *
                         solver.eigenvalues().cwiseAbs().maxCoeff();
    const Vector roots = solver.eigenvalues().unaryExpr(
        [&](double value) { return value > least ? std::sqrt(value) : 0.0; });
    return solver.eigenvectors() * roots.asDiagonal() * solver.eigenvectors().transpose();
}

/// The sum of the singular values of a square matrix R. [0 R; R^T 0] has them and their negatives
/// as eigenvalues; those of R R^T would be their squares, and lose half of the digits.
double nuclear_norm(const Matrix& r) {
    const int64_t n = r.rows();
    Matrix both = Matrix::Zero(2 * n, 2 * n);
    both.topRightCorner(n, n) = r;
    both.bottomLeftCorner(n, n) = r.transpose();
    return solve(both, Eigen::EigenvaluesOnly).eigenvalues().cwiseAbs().sum() / 2;
}

/// `a` and `b` have `features` values; in f64.
double distance(const float* a, const float* b, int64_t features) {
    double sum = 0;
    for (int64_t i = 0; i < features; ++i) {
        const double difference = double(a[i]) - double(b[i]);
        sum += difference * difference;
    }
    return std::sqrt(sum);
}

}  // namespace

double frechet_distance(std::span<const float> a, int64_t rows_a, std::span<const float> b,
                        int64_t rows_b, int64_t features) {
    check("frechet_distance", a, rows_a, features);
    check("frechet_distance", b, rows_b, features);
    const Gaussian p = fit(a, rows_a, features), q = fit(b, rows_b, features);
    // S_a S_b has the eigenvalues of R R^T with R = S_a^(1/2) S_b^(1/2): the squares of R's
    // singular values.
    const double mixed = nuclear_norm(symmetric_root(p.covariance) * symmetric_root(q.covariance));
    const double traces = p.covariance.trace() + q.covariance.trace();
    return std::max(0.0, (p.mean - q.mean).squaredNorm() + traces - 2 * mixed);
}

IdentityDistances identity_distances(std::span<const float> inputs,
                                     std::span<const float> translations, int64_t rows,
                                     int64_t features, uint64_t seed) {
    check("identity_distances", inputs, rows, features);
    check("identity_distances", translations, rows, features);
    const Rng rng{.seed = seed, .purpose = RngPurpose::judged_pairs};
    IdentityDistances result;
    for (int64_t n = 0; n < rows; ++n) {
        const int64_t m = (n + 1 + rng.below(uint64_t(n), uint32_t(rows - 1))) % rows;
        const float *input = &inputs[n * features], *other = &inputs[m * features];
        const float* translation = &translations[n * features];
        const double same = distance(input, translation, features);
        result.same += same / double(rows);
        result.other += distance(input, other, features) / double(rows);
        result.closer += same < distance(translation, other, features);
    }
    result.closer /= double(rows);
    return result;
}

}  // namespace sg
