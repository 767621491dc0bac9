#include <cmath>

#include "kernels/conv/winograd/three_taps.h"
#include "kernels/conv/winograd/two_taps.h"
#include "tests/conv_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// `Map` as a matrix, from what it does to unit vectors.
template <class Map>
std::vector<double> matrix_of() {
    std::vector<double> m(size_t(Map::to) * Map::from);
    for (int j = 0; j < Map::from; ++j) {
        Vector in[Map::from] = {}, out[Map::to];
        in[j] += 1;
        Map::map(in, out);
        for (int i = 0; i < Map::to; ++i) {
            m[size_t(i * Map::from + j)] = double(out[i][0]);
            for (int lane = 1; lane < vector_floats; ++lane) CHECK(out[i][lane] == out[i][0]);
        }
    }
    return m;
}

void check_equal(const std::vector<double>& computed, const std::vector<double>& want) {
    REQUIRE(computed.size() == want.size());
    for (size_t i = 0; i < want.size(); ++i) {
        INFO("element " << i);
        CHECK(computed[i] == Approx(want[i]).epsilon(1e-6).margin(1e-6));
    }
}

/// The matrices of the formula (transform.h), for F's taps and some finite points.
template <class F>
struct Matrices {
    static constexpr int points = F::points, taps = F::taps, outputs = F::outputs;
    std::vector<double> At, G, Bt;

    explicit Matrices(const std::vector<double>& finite)
        : At(outputs * points), G(points * taps), Bt(points * points) {
        REQUIRE(int(finite.size()) == points - 1);
        for (int j = 0; j < points - 1; ++j) {
            const double p = finite[size_t(j)];
            double n = 1;
            for (int l = 0; l < points - 1; ++l) n *= l == j ? 1 : p - finite[size_t(l)];
            for (int i = 0; i < outputs; ++i) At[size_t(i * points + j)] = std::pow(p, i);
            for (int k = 0; k < taps; ++k) G[size_t(j * taps + k)] = std::pow(p, k) / n;
            const auto c = product(finite, j);
            std::copy(c.begin(), c.end(), Bt.begin() + j * points);
        }
        At[outputs * points - 1] = G[points * taps - 1] = 1;
        const auto c = product(finite, -1);
        std::copy(c.begin(), c.end(), Bt.end() - points);
    }

    /// The coefficients of the product of (x - p_l) over all l but `skipped`, from x^0 on.
    static std::vector<double> product(const std::vector<double>& finite, int skipped) {
        std::vector<double> c{1};
        for (int l = 0; l < points - 1; ++l) {
            if (l == skipped) continue;
            c.push_back(0);
            for (size_t i = c.size(); i-- > 0;)
                c[i] = (i > 0 ? c[i - 1] : 0) - finite[size_t(l)] * c[i];
        }
        return c;
    }
};

template <class F>
void check_transforms(const std::vector<double>& finite) {
    constexpr int points = F::points, taps = F::taps, outputs = F::outputs;
    const auto [At, G, Bt] = Matrices<F>(finite);
    const auto transposed = [](const std::vector<double>& m, size_t rows) {
        std::vector<double> t(m.size());
        const size_t columns = m.size() / rows;
        for (size_t i = 0; i < m.size(); ++i) t[i % columns * rows + i / columns] = m[i];
        return t;
    };
    check_equal(matrix_of<typename F::PixelsToPoints>(), Bt);
    check_equal(matrix_of<typename F::WeightsToPoints>(), G);
    check_equal(matrix_of<typename F::PointsToOutputs>(), At);
    check_equal(matrix_of<typename F::OutputsToPoints>(), transposed(At, outputs));
    check_equal(matrix_of<typename F::PointsToWeights>(), transposed(G, points));

    // Together they convolve: y_i = sum over k of d_{i+k} g_k.
    for (int i = 0; i < outputs; ++i)
        for (int k = 0; k < taps; ++k)
            for (int m = 0; m < points; ++m) {
                double sum = 0;
                for (int j = 0; j < points; ++j)
                    sum += At[size_t(i * points + j)] * G[size_t(j * taps + k)] *
                           Bt[size_t(j * points + m)];
                CHECK(sum == Approx(m == i + k ? 1 : 0).margin(1e-12));
            }
}

/// Root mean square of forward's error, over that of exact results.
double relative_error(CpuContext& context, const ConvShape& s, ConvForm form) {
    Operands<float> o(s);
    for (size_t i = 0; i + 1 < o.x.size(); i += 2) {  // normal numbers (Box and Muller)
        const float radius = std::sqrt(-2 * std::log((o.x[i] + 1.0001f) / 2.0002f));
        const float angle = float(M_PI) * o.x[i + 1];
        o.x[i] = radius * std::cos(angle), o.x[i + 1] = radius * std::sin(angle);
    }
    o.form = form;
    const ConvReference exact(s, to_double(o.x), to_double(o.w), to_double(o.grad_y));
    const auto y = forward<float>(context, s, o, false);
    double error = 0, scale = 0;
    for (size_t i = 0; i < y.size(); ++i) {
        error += (y[i] - exact.y.value[i]) * (y[i] - exact.y.value[i]);
        scale += exact.y.value[i] * exact.y.value[i];
    }
    return std::sqrt(error / scale);
}

}  // namespace

TEST_CASE("Winograd's transforms are evaluation and interpolation", "[winograd]") {
    using winograd::ThreeTaps, winograd::TwoTaps;
    check_transforms<ThreeTaps>({0, ThreeTaps::a, -ThreeTaps::a, ThreeTaps::b, -ThreeTaps::b});
    check_transforms<TwoTaps>({TwoTaps::a, -TwoTaps::a, TwoTaps::b, -TwoTaps::b});
}

TEST_CASE("what Winograd's form loses is a few times what f32 loses", "[winograd]") {
    CpuContext context(2);
    const ConvShape three{.N = 1, .H = 12, .W = 12, .C = 256, .K = 16, .R = 3, .S = 3, .pad = 1};
    const ConvShape two{
        .N = 1, .H = 24, .W = 24, .C = 64, .K = 16, .R = 4, .S = 4, .stride = 2, .pad = 1};
    for (const ConvShape& s : {three, two}) {
        const double plain = relative_error(context, s, ConvForm::own);
        const double ours = relative_error(context, s, ConvForm::winograd);
        WARN(to_string(s) << ": " << ours << ", plain sums in this order " << plain << ", ratio "
                          << ours / plain);
        CHECK(ours < 4e-6);
    }
}
