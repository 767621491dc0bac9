#include "kernels/pointwise/pointwise.h"
#include "tests/devices.h"
#include "tests/pointwise_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

// One element, around a warp, and more than two chunks; no multiple of a vector.
const std::vector<int64_t> kCounts = {1, 31, 32, 33, 2 * chunk_elements + 37};

/// Largest |got - want| / |want|: every element by itself.
double relative(const std::vector<double>& got, const std::vector<double>& want) {
    double worst = 0;
    for (size_t i = 0; i < want.size(); ++i) {
        if (got[i] == want[i]) continue;
        const double error = std::abs(got[i] - want[i]) / std::max(std::abs(want[i]), 1e-30);
        if (std::isnan(error)) return error;
        worst = std::max(worst, error);
    }
    return worst;
}

template <class T, class Device>
void check_unary(Device& device, const UnaryCase& test, int64_t count) {
    INFO("op " << int(test.op) << ", " << count << " values");
    auto values = uniform(count, 1, -6, 6);
    values[count / 2] = 0;
    if (test.op == Unary::sqrt)
        for (double& v : values) v = std::abs(v);
    const auto stored = to<T>(values);
    std::vector<double> want;
    for (const double v : to_double(stored)) want.push_back(test.f(v));
    const auto x = device.input(stored);
    auto y = device.template output<T>(count), in_place = device.output(stored);
    UnaryArgs<T> args{.op = test.op, .count = count, .x = x, .y = y, .a = test.a, .b = test.b};
    unary(device.context, args);
    // Results near zero (affine) are judged against the operands' size.
    CHECK(max_error(y.get(), want) < 4 * half_ulp<T>);
    if (test.op != Unary::affine) CHECK(relative(y.get(), want) < 40 * half_ulp<T>);
    args.x = args.y = in_place;
    unary(device.context, args);
    CHECK(in_place.get() == y.get());
}

template <class T, class Device>
void check_binary(Device& device, const BinaryCase& test, int64_t count) {
    INFO("op " << int(test.op) << ", " << count << " values");
    const auto x_values = to<T>(uniform(count, 1)), z_values = to<T>(uniform(count, 2));
    std::vector<double> want;
    for (int64_t i = 0; i < count; ++i)
        want.push_back(test.f(double(acc_t<T>(x_values[i])), double(acc_t<T>(z_values[i]))));
    const auto x = device.input(x_values), z = device.input(z_values);
    auto y = device.template output<T>(count);
    auto over_x = device.output(x_values), over_z = device.output(z_values);
    BinaryArgs<T> args{
        .op = test.op, .count = count, .x = x, .z = z, .y = y, .a = test.a, .b = test.b};
    binary(device.context, args);
    CHECK(max_error(y.get(), want) < 2 * half_ulp<T>);
    args.x = args.y = over_x;
    binary(device.context, args);
    CHECK(over_x.get() == y.get());
    args.x = x;
    args.z = args.y = over_z;
    binary(device.context, args);
    CHECK(over_z.get() == y.get());
}

template <class From, class To, class Device>
void check_cast(Device& device, int64_t count) {
    const auto values = to<From>(uniform(count, 4, -6, 6));
    const auto x = device.input(values);
    auto y = device.template output<To>(count);
    cast(device.context, CastArgs<From, To>{count, x, y});
    CHECK(y.get() == rounded<To>(to_double(values)));
}

template <class T, class Device>
void check_fill(Device& device, int64_t count) {
    INFO(count << " values");
    auto y = device.template output<T>(count);
    constexpr double value = -1.2345678901234567;
    fill(device.context, FillArgs<T>{.count = count, .value = value, .y = y});
    CHECK(y.get() == std::vector<double>(size_t(count), rounded<T>({value})[0]));
}

template <class T, class Device>
void check_layout(Device& device, int64_t rows, int64_t columns) {
    INFO(rows << " rows, " << columns << " columns");
    const int64_t count = rows * columns;
    const auto x_values = to<T>(uniform(count, 1));
    const auto row_values = to<acc_t<T>>(uniform(rows, 2));
    const auto column_values = to<acc_t<T>>(uniform(columns, 3));
    const auto x = device.input(x_values);
    const auto per_row = device.input(row_values), per_column = device.input(column_values);
    auto scaled = device.template output<T>(count), by_row = device.template output<T>(count);
    auto by_column = device.template output<T>(count), turned = device.template output<T>(count);
    scale_rows(device.context, ScaleRowsArgs<T>{rows, columns, x, per_row, scaled});
    broadcast_rows(device.context, BroadcastArgs<T>{rows, columns, per_row, by_row});
    broadcast_channels(device.context, BroadcastArgs<T>{rows, columns, per_column, by_column});
    transpose(device.context, TransposeArgs<T>{1, rows, columns, x, turned});
    const auto s = scaled.get(), r = by_row.get(), c = by_column.get(), t = turned.get();
    bool all = true;
    for (int64_t i = 0; i < count; ++i) {
        const int64_t row = i / columns, column = i % columns;
        all &= s[i] == double(acc_t<T>(T(acc_t<T>(x_values[i]) * row_values[row])));
        all &= r[i] == double(acc_t<T>(T(row_values[row])));
        all &= c[i] == double(acc_t<T>(T(column_values[column])));
        all &= t[column * rows + row] == double(acc_t<T>(x_values[i]));
    }
    CHECK(all);
    auto in_place = device.output(x_values);
    scale_rows(device.context, ScaleRowsArgs<T>{rows, columns, in_place, per_row, in_place});
    CHECK(in_place.get() == s);
}

/// What every device does in T, and the CPU in f64.
template <class T, class Device>
void check_all(Device& device) {
    for (const int64_t count : kCounts) {
        for (const UnaryCase& test : kUnary) check_unary<T>(device, test, count);
        for (const BinaryCase& test : kBinary) check_binary<T>(device, test, count);
        check_fill<T>(device, count);
    }
    for (const auto& [rows, columns] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {1, 33}, {31, 32}, {3, 7001}, {65, 70}})
        check_layout<T>(device, rows, columns);
}

}  // namespace

TEST_CASE("elementwise kernels equal their formulas", "[pointwise]") {
    for_each_device([](auto& device) {
        for_each_type([&]<class T>(T) { check_all<T>(device); });
        for (const int64_t count : kCounts) {
            check_cast<float, bf16>(device, count);
            check_cast<bf16, float>(device, count);
        }
        // NCHW and back: more than one block.
        const auto x = device.input(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
        auto y = device.template output<float>(12);
        transpose(device.context, TransposeArgs<float>{2, 2, 3, x, y});
        CHECK(y.get() == std::vector<double>{1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12});
    });
    HostDevice<CpuContext> cpu{CpuContext(2), "cpu", false};
    check_all<double>(cpu);
}

TEST_CASE("softplus and sigmoid keep their digits at the extremes", "[pointwise]") {
    const std::vector<float> values = {-1e30f, -1000, -100, -50, 0, 50, 100, 1000, 1e30f};
    for_each_device([&](auto& device) {
        const auto x = device.input(values);
        auto soft = device.template output<float>(9), sig = device.template output<float>(9);
        unary(device.context, UnaryArgs<float>{Unary::softplus, 9, x, soft});
        unary(device.context, UnaryArgs<float>{Unary::sigmoid, 9, x, sig});
        const auto s = soft.get(), p = sig.get();
        for (int i : {5, 6, 7, 8}) CHECK(s[i] == values[i]);
        for (int i : {0, 1}) CHECK(s[i] == 0);
        CHECK(s[3] == Approx(std::exp(-50.0)).epsilon(1e-5));
        CHECK(s[4] == Approx(std::log(2.0)).epsilon(1e-6));
        CHECK(p[3] == Approx(std::exp(-50.0)).epsilon(1e-5));
        CHECK(p[4] == 0.5);
        for (int i : {0, 1}) CHECK(p[i] == 0);
        for (int i : {7, 8}) CHECK(p[i] == 1);
    });
}

TEST_CASE("multiply starts with the factor 1", "[pointwise]") {
    const auto x_values = to<float>(uniform(33, 5)), z_values = to<float>(uniform(33, 6));
    for_each_device([&](auto& device) {
        const auto x = device.input(x_values), z = device.input(z_values);
        auto y = device.template output<float>(33);
        binary(device.context, BinaryArgs<float>{Binary::multiply, 33, x, z, y});
        const auto got = y.get();
        bool all = true;
        for (int i = 0; i < 33; ++i) all &= got[i] == double(x_values[i] * z_values[i]);
        CHECK(all);
    });
}

TEST_CASE("transpose does not depend on the order of threads", "[pointwise]") {
    SimContext context(SimOptions{.check_races = true});
    const auto x = to<bf16>(uniform(70 * 65, 9));
    Output<bf16> y(70 * 65);
    const std::span all(y.data(), size_t(y.size()));
    check_order_independence(context, std::as_writable_bytes(all), [&] {
        transpose(context, TransposeArgs<bf16>{1, 70, 65, x.data(), y});
    });
    CHECK(y.get()[1] == double(float(x[65])));
}

TEST_CASE("the second derivative of tanh is a product of existing kernels", "[pointwise]") {
    CpuContext context(2);
    constexpr int64_t count = 4099;
    const auto run = [&](Binary op, const std::vector<double>& x, const std::vector<double>& z,
                         double a) {
        Output<double> y(count);
        binary(context,
               BinaryArgs<double>{
                   .op = op, .count = count, .x = x.data(), .z = z.data(), .y = y, .a = a});
        return y.get();
    };
    const auto x = uniform(count, 7, -4, 4);
    std::vector<double> y, want, slope;
    constexpr double h = 1e-5;
    for (double v : x) {
        const double t = std::tanh(v), above = std::tanh(v + h), below = std::tanh(v - h);
        y.push_back(t);
        want.push_back(-2 * t * (1 - t * t));
        slope.push_back(((1 - above * above) - (1 - below * below)) / (2 * h));
    }
    const auto first = run(Binary::tanh_backward, std::vector<double>(count, 1.0), y, 1);
    const auto second = run(Binary::multiply, y, first, -2);
    CHECK(max_error(second, want) < 1e-14);
    CHECK(max_error(second, slope) < 1e-8);
}
