#include "engine/upload_queue.h"
#include "tests/support.h"

using namespace sg;
using namespace sg::testing;

TEST_CASE("uploads take turns with their buffers", "[upload]") {
    for (const auto& device : {Device::cpu(1), Device::sim()})
        for (const int depth : {1, 2, 3}) {
            INFO(device->name() << ", depth " << depth);
            UploadQueue queue(*device, 100, depth);
            std::vector<const void*> seen;
            for (int i = 0; i < 7; ++i) {
                const auto host = queue.host();
                REQUIRE(host.size() == 100);
                CHECK(queue.host().data() == host.data());  // until it is submitted
                std::fill(host.begin(), host.end(), std::byte(i + 1));
                const auto* there = static_cast<const std::byte*>(queue.submit());
                CHECK(there == host.data());  // kernels read the host's memory here
                CHECK(reinterpret_cast<uintptr_t>(there) % Arena::alignment == 0);
                CHECK((there[0] == std::byte(i + 1) && there[99] == std::byte(i + 1)));
                queue.release();
                if (i >= depth) CHECK(seen[size_t(i - depth)] == there);
                if (i > 0) CHECK((seen.back() == there) == (depth == 1));
                seen.push_back(there);
            }
        }
}

TEST_CASE("a queue of uploads refuses calls out of order", "[upload]") {
    const auto device = Device::cpu(1);
    UploadQueue queue(*device, 10);
    expect_error([&] { queue.submit(); }, {"upload", "without data"});
    expect_error([&] { queue.release(); }, {"upload", "without submit"});
    queue.host();
    expect_error([&] { queue.release(); }, {"without submit"});
    queue.submit();
    expect_error([&] { queue.host(); }, {"not been released"});
    expect_error([&] { queue.submit(); }, {"without data"});
    queue.release();
    queue.host();
    expect_error([&] { UploadQueue(*device, 10, 0); }, {"0 buffers"});
}
