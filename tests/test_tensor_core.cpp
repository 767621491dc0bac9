#include "tests/device/tile_product.cu"  // as compiled for the simulated device
#include "tests/devices.h"

#ifdef SG_CUDA_ENABLED
namespace sg::testing {
extern template void tile_product(CudaContext&, const TileProductArgs&);  // nvcc compiled it
}
#endif

using namespace sg;
using namespace sg::testing;

namespace {

/// d + a b in f64: [16][K] times [K][8].
std::vector<double> product(const std::vector<double>& d, const std::vector<double>& a,
                            const std::vector<double>& b, int K) {
    std::vector<double> result = d;
    for (int m = 0; m < 16; ++m)
        for (int n = 0; n < 8; ++n)
            for (int k = 0; k < K; ++k) result[m * 8 + n] += a[m * K + k] * b[k * 8 + n];
    return result;
}

/// Rounded to 10 bits of mantissa, ties away from zero.
double rounded_tf32(double x) {
    if (x == 0) return 0;
    int exponent;
    const double mantissa = std::frexp(float(x), &exponent);
    return std::ldexp(std::round(mantissa * 2048), exponent - 11);
}

}  // namespace

TEST_CASE("a warp multiplies tiles of bf16", "[tensor_core]") {
    for (uint64_t seed : {1, 2, 3}) {
        const auto a = to<bf16>(uniform(16 * 16, seed)), b = to<bf16>(uniform(16 * 8, seed + 10));
        const auto d = to<float>(uniform(16 * 8, seed + 20));
        const auto want = product(to_double(d), to_double(a), to_double(b), 16);
        for_each_accelerator([&](auto& device) {
            const auto in_a = device.input(a), in_b = device.input(b);
            for (bool through_shared : {false, true}) {
                CAPTURE(seed, through_shared);
                auto sums = device.output(d);
                tile_product(
                    device.context,
                    TileProductArgs{
                        .a = in_a, .b = in_b, .through_shared = through_shared, .d = sums});
                CHECK(max_error(sums.get(), want) < 1e-6);
            }
        });
    }
}

TEST_CASE("a warp multiplies tiles of tf32", "[tensor_core]") {
    const auto a = to<float>(uniform(16 * 8, 1)), b = to<float>(uniform(8 * 8, 2));
    const auto d = to<float>(uniform(16 * 8, 3));
    auto ra = to_double(a), rb = to_double(b);
    for (auto* values : {&ra, &rb})
        for (double& v : *values) v = rounded_tf32(v);
    const auto want = product(to_double(d), ra, rb, 8);
    for_each_accelerator([&](auto& device) {
        const auto in_a = device.input(a), in_b = device.input(b);
        auto sums = device.output(d);
        tile_product(device.context, TileProductArgs{.a_tf32 = in_a, .b_tf32 = in_b, .d = sums});
        CHECK(max_error(sums.get(), want) < 1e-6);
        CHECK(max_error(sums.get(), product(to_double(d), to_double(a), to_double(b), 8)) > 1e-6);
    });
}
