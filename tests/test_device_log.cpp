#include "engine/device_log.h"
#include "tests/support.h"

using namespace sg;
using namespace sg::testing;

namespace {

Tensor values(Device& device, const Shape& shape, const std::vector<double>& list, DType dtype) {
    return Tensor::from_host(device, shape, std::span<const double>(list), dtype);
}

}  // namespace

TEST_CASE("a device's log keeps what was recorded, row by row", "[log]") {
    for (const auto& device : {Device::cpu(2), Device::sim({.threads = 2})}) {
        INFO(device->name());
        DeviceLog log(*device, 3, 6, DType::f32);
        const int64_t before = device->downloads();
        log.record(0, 1, values(*device, {1}, {7}, DType::f32));
        log.record(0, 2, values(*device, {2, 2}, {1, 2, 3, 4}, DType::f32));
        log.record(1, 5, values(*device, {1}, {8}, DType::f32));
        log.record(0, 0, values(*device, {2}, {5, 6}, DType::f32));  // over what was there
        CHECK(device->downloads() == before);
        CHECK(log.read(2) == std::vector<double>{5, 6, 1, 2, 3, 4, 0, 0, 0, 0, 0, 8});
        CHECK(device->downloads() == before + 1);
        CHECK(log.read(1).size() == 6);
        CHECK((log.rows() == 3 && log.columns() == 6));
    }
}

TEST_CASE("a log keeps the bits of its type", "[log]") {
    const auto device = Device::cpu(1);
    for (const DType dtype : {DType::f32, DType::f64}) {
        DeviceLog log(*device, 1, 2, dtype);
        const Tensor x = values(*device, {2}, {1.0 / 3, -std::nan("")}, dtype);
        log.record(0, 0, x);
        CHECK(same_bits(log.read(1), x.to_host()));
    }
}

TEST_CASE("a log refuses what does not fit", "[log]") {
    const auto device = Device::cpu(1);
    DeviceLog log(*device, 2, 3, DType::f32);
    const Tensor two = Tensor::zeros(*device, {2}, DType::f32);
    expect_error([&] { log.record(0, 2, two); }, {"2 values", "column 2", "[2,3]"});
    expect_error([&] { log.record(2, 0, two); }, {"row 2"});
    expect_error([&] { log.record(-1, 0, two); }, {"row -1"});
    expect_error([&] { log.record(0, 0, Tensor::zeros(*device, {2}, DType::f64)); }, {"f64"});
    expect_error([&] { log.read(3); }, {"[3,3]", "[2,3]"});
}
