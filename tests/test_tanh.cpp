#include "kernels/pointwise/pointwise.h"
#include "tests/devices.h"

// tanh, which the kernels compute by polynomials of their own.

using namespace sg;
using namespace sg::testing;

TEST_CASE("tanh is good to 3e-7 everywhere", "[pointwise]") {
    std::vector<float> values;
    for (int i = -200'000; i <= 200'000; ++i) values.push_back(float(i) * 5e-5f);
    for (float v : {0.625f, 9.0f, 50.0f, 1e30f, std::numeric_limits<float>::infinity(), 1e-40f})
        values.insert(values.end(), {v, -v, std::nextafter(v, 0.0f), -std::nextafter(v, 0.0f)});
    const auto count = int64_t(values.size());
    for_each_device([&](auto& device) {
        const auto x = device.input(values);
        auto y = device.template output<float>(count);
        unary(device.context, UnaryArgs<float>{Unary::tanh, count, x, y});
        const auto got = y.get();
        double worst = 0, small = 0, largest = 0;
        for (size_t i = 0; i < values.size(); ++i) {
            const double want = std::tanh(double(values[i])), error = std::abs(got[i] - want);
            worst = std::isnan(error) ? error : std::max(worst, error);
            largest = std::max(largest, std::abs(got[i]));
            if (std::abs(values[i]) < 0.1f) small = std::max(small, error - 3e-7 * std::abs(want));
        }
        CHECK(worst < 3e-7);
        CHECK(small < 1e-40);  // near zero the relative error is as small
        CHECK((largest <= 1 && largest > 1 - 1e-7));
    });
}

TEST_CASE("tanh keeps NaN, and the signs of zeros", "[pointwise]") {
    const auto check = [](auto& device, auto type) {
        using T = decltype(type);
        // In the middle of vectors, and in what is left after them.
        std::vector<T> values(101, T(0.5f));
        for (const size_t at : {size_t{3}, size_t{17}, size_t{40}, size_t{100}})
            values[at] = T(std::nanf(""));
        values[18] = T(-0.0f), values[19] = T(0.0f);
        const auto x = device.input(values);
        auto y = device.template output<T>(101);
        unary(device.context, UnaryArgs<T>{Unary::tanh, 101, x, y});
        const auto got = y.get();
        for (int i = 0; i < 101; ++i) {
            INFO(i);
            CHECK(std::isnan(got[i]) == std::isnan(float(values[i])));
            if (!std::isnan(got[i]) && i != 18 && i != 19)
                CHECK(std::abs(got[i] - std::tanh(0.5)) < half_ulp<T>);
        }
        CHECK((got[18] == 0 && std::signbit(got[18])));
        CHECK((got[19] == 0 && !std::signbit(got[19])));
    };
    for_each_device([&](auto& device) {
        check(device, float{});
        check(device, bf16{});
    });
}
