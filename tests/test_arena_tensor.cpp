#include <set>
#include <thread>

#include "engine/parameters.h"
#include "tests/support.h"

using namespace sg;
using namespace sg::testing;

namespace {

// Sanitizer builds add a red zone to every piece, so sizes are compared, not predicted.
constexpr size_t kBlock = 1 << 16;

/// A step's worth of tensors, some living longer than others; their addresses in order.
std::vector<const void*> training_step(Device& device, double& sum) {
    std::vector<const void*> addresses;
    Tensor kept;
    for (int64_t i = 1; i <= 40; ++i) {
        Tensor t = Tensor::full(device, {i, 37}, DType::f32, 1);
        const Tensor temporary = Tensor::full(device, {100 - i}, DType::f64, 2);
        addresses.push_back(t.data<float>());
        sum += temporary.to_host()[0];
        if (i % 4 == 0) kept = t;
    }
    return addresses;
}

}  // namespace

TEST_CASE("the arena gives aligned memory and takes it back", "[arena]") {
    Arena arena(kBlock);
    CHECK(arena.reserved_bytes() == 0);
    std::vector<void*> pointers;
    for (size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{1000}}) {
        pointers.push_back(arena.allocate(bytes));
        CHECK(reinterpret_cast<uintptr_t>(pointers.back()) % Arena::alignment == 0);
        std::memset(pointers.back(), 1, bytes);
    }
    CHECK(std::set<void*>(pointers.begin(), pointers.end()).size() == 5);
    CHECK(arena.reserved_bytes() == kBlock);
    CHECK(arena.bytes_in_use() >= 64 + 64 + 64 + 64 + 1024);
    const size_t peak = arena.peak_bytes();
    CHECK(peak == arena.bytes_in_use());
    for (void* p : pointers) arena.free(p);
    CHECK(arena.bytes_in_use() == 0);
    CHECK(arena.peak_bytes() == peak);
}

TEST_CASE("freed neighbours are merged, in any order", "[arena]") {
    std::vector<int> order = {0, 1, 2};
    do {
        Arena arena(kBlock);
        void* p[3];
        for (void*& piece : p) piece = arena.allocate(kBlock / 4);
        for (int i : order) arena.free(p[i]);
        void* all = arena.allocate(kBlock - 1024);  // fits only if the three are one again
        CHECK(all == p[0]);
        CHECK(arena.reserved_bytes() == kBlock);
        arena.free(all);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("the arena takes the tightest piece that fits", "[arena]") {
    Arena arena(kBlock);
    void* large = arena.allocate(8192);
    void* wall = arena.allocate(64);
    void* small = arena.allocate(1024);
    void* end = arena.allocate(64);
    arena.free(large);
    arena.free(small);
    CHECK(arena.allocate(1000) == small);
    CHECK(arena.allocate(8000) == large);
    arena.free(wall);
    arena.free(end);
}

TEST_CASE("a request above the block size gets a block of its own", "[arena]") {
    Arena arena(kBlock);
    void* small = arena.allocate(100);
    void* large = arena.allocate(5 * kBlock);
    CHECK(arena.reserved_bytes() >= 6 * kBlock);
    std::memset(large, 0, 5 * kBlock);
    arena.free(small);
    arena.free(large);
    const size_t reserved = arena.reserved_bytes();
    arena.free(arena.allocate(5 * kBlock));
    CHECK(arena.reserved_bytes() == reserved);
}

TEST_CASE("the arena refuses what it did not give out, and what nobody has", "[arena]") {
    Arena arena(kBlock);
    void* p = arena.allocate(100);
    int other = 0;
    expect_error([&] { arena.free(&other); }, {"arena"});
    expect_error([&] { arena.free(static_cast<char*>(p) + 64); }, {"arena"});
    arena.free(p);
    expect_error([&] { arena.free(p); }, {"arena"});
#if !defined(__SANITIZE_ADDRESS__)
    expect_error([&] { arena.allocate(size_t{1} << 60); }, {"arena", "refused", "hint"});
#endif
}

TEST_CASE("the arena may be used by many threads", "[arena]") {
    Arena arena(kBlock);
    const auto work = [&arena](int id) {
        for (int i = 0; i < 300; ++i) {
            auto* p = static_cast<unsigned char*>(arena.allocate(256));
            std::memset(p, id, 256);
            for (int b = 0; b < 256; ++b)
                if (p[b] != id) std::abort();
            arena.free(p);
        }
    };
    std::vector<std::thread> threads;
    for (int id = 0; id < 4; ++id) threads.emplace_back(work, id);
    for (std::thread& t : threads) t.join();
    CHECK(arena.bytes_in_use() == 0);
}

TEST_CASE("every step after the first finds its tensors where they were", "[arena]") {
    const auto device = Device::cpu(1);
    double sum = 0;
    const auto first = training_step(*device, sum);
    const size_t reserved = device->arena().reserved_bytes(), peak = device->arena().peak_bytes();
    for (int step = 0; step < 3; ++step) CHECK(training_step(*device, sum) == first);
    CHECK(device->arena().reserved_bytes() == reserved);
    CHECK(device->arena().peak_bytes() == peak);
    CHECK(device->arena().bytes_in_use() == 0);
}

TEST_CASE("tensors are handles to shared data", "[tensor]") {
    const auto device = Device::cpu(1);
    CHECK_FALSE(Tensor());
    Tensor t =
        Tensor::from_host(*device, {2, 3}, std::span<const float>(to<float>({1, 2, 3, 4, 5, 6})));
    CHECK(t.shape() == Shape{2, 3});
    CHECK(t.dim(1) == 3);
    CHECK(t.size() == 6);
    CHECK(t.dtype() == DType::f32);
    const Tensor row = t.slice_flat(3, {3}), flat = t.view({6}), same = t.detach();
    CHECK(row.to_host() == std::vector<double>{4, 5, 6});
    t.data<float>()[4] = 50;
    CHECK(row.to_host() == std::vector<double>{4, 50, 6});
    CHECK(flat.to_host()[4] == 50);
    CHECK(same.to_host_f32()[4] == 50);
    CHECK(row.slice_flat(1, {1}).item() == 50);
    t = Tensor();
    CHECK(row.to_host()[1] == 50);  // the data lives as long as a handle does
    CHECK(Tensor::zeros(*device, {2}, DType::bf16).to_host() == std::vector<double>{0, 0});
    CHECK(Tensor::full(*device, {2}, DType::bf16, 1.00390625).to_host()[0] == 1);
    CHECK(to_string(Shape{2, 3}) == "[2,3]");
    CHECK(element_count({}) == 1);
}

TEST_CASE("tensors refuse what does not fit, with the shapes", "[tensor]") {
    const auto device = Device::cpu(1);
    const Tensor t = Tensor::zeros(*device, {2, 3}, DType::f32);
    expect_error([&] { t.data<double>(); }, {"f32", "f64"});
    expect_error([&] { t.item(); }, {"[2,3]", "one element"});
    expect_error([&] { t.view({4}); }, {"[4]", "[2,3]"});
    expect_error([&] { t.slice_flat(4, {3}); }, {"[3]", "4", "[2,3]"});
    expect_error([&] { t.slice_flat(-1, {3}); }, {"-1"});
    expect_error([&] { Tensor::zeros(*device, {2, 0}, DType::f32); }, {"[2,0]", "positive"});
    const std::vector<double> five(5);
    expect_error(
        [&] {
            Tensor::from_host(*device, {2, 3}, std::span<const double>(five));
        },
        {"5 values", "[2,3]"});
}

TEST_CASE("a leaf's version follows its data, a computed tensor has none", "[tensor]") {
    const auto device = Device::cpu(1);
    Tensor t = Tensor::zeros(*device, {4}, DType::f32);
    CHECK(t.version() == 0);
    t.set_requires_grad();
    const uint64_t before = t.version();
    CHECK(before != 0);
    t.mark_changed();
    CHECK(t.version() > before);
    CHECK(t.detach().version() == 0);
    Parameters parameters(*device, DType::f32, DType::f32, {{"a", {3}}, {"b", {2, 2}}});
    const uint64_t fresh = parameters["b"].version();
    parameters.assign(0, std::span<const double>(std::vector<double>{1, 2, 3}));
    CHECK(parameters["b"].version() != fresh);  // one array, one version
    CHECK(parameters["a"].to_host() == std::vector<double>{1, 2, 3});
    expect_error([&] { parameters.assign(1, std::span<const double>(std::vector<double>{1})); },
                 {"b has 4", "given 1"});
    expect_error([&] { parameters.adam_step({}, {}); }, {"0 gradients for 2"});
    const std::vector<Tensor> gradients{Tensor::zeros(*device, {3}, DType::f32),
                                        Tensor::zeros(*device, {2, 2}, DType::f32)};
    parameters.schedule_adam(1, 1e-3, {});
    parameters.adam_step(gradients, {});
    expect_error([&] { parameters.adam_step(gradients, {}); }, {"no update was scheduled"});
    expect_error([&] { Parameters(*device, DType::bf16, DType::bf16, {}); }, {"bf16"});
}
