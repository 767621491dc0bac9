#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/common/bf16.h"
#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "tests/catch.h"

namespace sg::testing {

/// A relative path is relative to the program's folder: a package brings its files along.
inline std::filesystem::path seen_from_program(const std::filesystem::path& path) {
    return std::filesystem::canonical("/proc/self/exe").parent_path() / path;
}

/// `count` values in [low, high), a function of the seed.
inline std::vector<double> uniform(int64_t count, uint64_t seed, double low = -1, double high = 1) {
    const Rng rng{.seed = seed};
    std::vector<double> values(count);
    for (int64_t i = 0; i < count; ++i) values[i] = low + (high - low) * rng.uniform(i);
    return values;
}

/// As `uniform` in [-1, 1), but at least `gap` away from zero: no kink lies within a difference.
inline std::vector<double> away_from_zero(int64_t count, uint64_t seed, double gap = 0.1) {
    auto values = uniform(count, seed);
    for (double& v : values) v = v < 0 ? v * (1 - gap) - gap : v * (1 - gap) + gap;
    return values;
}

template <class T>
std::vector<T> to(const std::vector<double>& values) {
    std::vector<T> result;
    for (double v : values) result.push_back(T(acc_t<T>(v)));
    return result;
}
template <class T>
std::vector<double> to_double(const std::vector<T>& values) {
    std::vector<double> result;
    for (const T& v : values) result.push_back(double(acc_t<T>(v)));
    return result;
}
/// The values as T stores them.
template <class T>
std::vector<double> rounded(const std::vector<double>& values) {
    return to_double(to<T>(values));
}

/// A kernel's output: starts as NaN, so that an element left out is seen, between sentinels, so
/// that one written outside is.
template <class T>
class Output {
  public:
    /// `margin` elements of sentinels on either side; 37 is no multiple of a vector: the output is
    /// unaligned.
    explicit Output(int64_t count, int64_t margin = 37)
        : margin_(margin), all_(count + 2 * margin, sentinel()) {
        if constexpr (std::is_integral_v<T>)
            std::fill_n(data(), count, T(54321));
        else
            std::fill_n(data(), count, T(std::numeric_limits<float>::quiet_NaN()));
    }

    T* data() { return all_.data() + margin_; }
    operator T*() { return data(); }  // NOLINT: kernels take pointers
    int64_t size() const { return int64_t(all_.size()) - 2 * margin_; }
    int64_t margin() const { return margin_; }
    std::vector<T> values() const { return {all_.begin() + margin_, all_.end() - margin_}; }
    /// With the sentinels: for a copy on another device.
    std::vector<T>& all() { return all_; }
    const std::vector<T>& all() const { return all_; }
    /// The values as f64, after checking the sentinels.
    std::vector<double> get() const {
        const auto kept = [](T v) { return float(v) == float(sentinel()); };
        CHECK(std::all_of(all_.begin(), all_.begin() + margin_, kept));
        CHECK(std::all_of(all_.end() - margin_, all_.end(), kept));
        return to_double(values());
    }

  private:
    static T sentinel() { return T(-12345.0f); }

    int64_t margin_;
    std::vector<T> all_;
};

/// Largest |a - b| in units of the largest |b|; NaN counts as infinite.
inline double max_error(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double error = 0, scale = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double difference = std::abs(a[i] - b[i]);
        if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
        error = std::max(error, difference);
        scale = std::max(scale, std::abs(b[i]));
    }
    return scale > 0 ? error / scale : error;
}

/// Half a unit in the last place of 1: what one rounding to T costs.
template <class T>
constexpr double half_ulp = 0x1p-24;
template <>
inline constexpr double half_ulp<bf16> = 0x1p-8;
template <>
inline constexpr double half_ulp<double> = 0x1p-53;

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// What body() throws as sg::Error; "" and a failed check if it does not.
template <class Body>
std::string error_of(const Body& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    FAIL_CHECK("expected sg::Error");
    return {};
}

/// body() must throw sg::Error whose text holds all of `parts`.
template <class Body>
void expect_error(const Body& body, const std::vector<std::string>& parts) {
    const std::string text = error_of(body);
    for (const std::string& part : parts) {
        INFO("\"" << text << "\" should mention \"" << part << "\"");
        CHECK(text.find(part) != std::string::npos);
    }
}

}  // namespace sg::testing
