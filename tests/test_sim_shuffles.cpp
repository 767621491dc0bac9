#include <random>

#include "kernels/common/device.cuh"
#include "tests/support.h"

// The simulated device's warp shuffles, against the rules written out again.

namespace sg {

namespace {

enum class Kind { index, up, down, exclusive_or };

template <class T>
__device__ T shuffle_as(Kind kind, uint32_t mask, T value, int argument, int width) {
    switch (kind) {
        case Kind::index:
            return __shfl_sync(mask, value, argument, width);
        case Kind::up:
            return __shfl_up_sync(mask, value, unsigned(argument), width);
        case Kind::down:
            return __shfl_down_sync(mask, value, unsigned(argument), width);
        case Kind::exclusive_or:
            return __shfl_xor_sync(mask, value, argument, width);
    }
    return value;
}

/// The lanes of `mask` shuffle as `first` says, the others as `second`, if that is wanted.
struct Halves {
    uint32_t mask;
    Kind first, second;
    int width;
    bool both;
};

template <class T>
__global__ void shuffle_kernel(Halves h, Global<const int> argument, Global<const T> x,
                               Global<T> y) {
    const int lane = int(threadIdx.x);
    const T value = x[lane];
    if (h.mask >> lane & 1u)
        y[lane] = shuffle_as(h.first, h.mask, value, argument[lane], h.width);
    else if (h.both)
        y[lane] = shuffle_as(h.second, ~h.mask, value, argument[lane], h.width);
}

}  // namespace

}  // namespace sg

using namespace sg;
using namespace sg::testing;

namespace {

constexpr int kLanes = 32;
const std::vector<Kind> kKinds = {Kind::index, Kind::up, Kind::down, Kind::exclusive_or};
const std::vector<ThreadOrder> kOrders = {ThreadOrder::forward, ThreadOrder::backward,
                                          ThreadOrder::shuffled};

SimOptions ordered(ThreadOrder order) {
    SimOptions options;
    options.order = order;
    return options;
}

/// The lane that `lane` reads: the pseudo code of shfl.sync in the PTX ISA, line by line, with the
/// operand c that CUDA's headers pass for `width`.
int source_of(Kind kind, int lane, int b, int width) {
    const int c = (kLanes - width) << 8 | (kind == Kind::up ? 0 : 0x1F);
    const int bval = b & 0x1F, cval = c & 0x1F, segmask = c >> 8 & 0x1F;
    const int max_lane = (lane & segmask) | (cval & ~segmask);
    const int min_lane = lane & segmask;
    int j = lane;
    bool pval = true;
    switch (kind) {
        case Kind::up:
            j = lane - bval, pval = j >= max_lane;
            break;
        case Kind::down:
            j = lane + bval, pval = j <= max_lane;
            break;
        case Kind::exclusive_or:
            j = lane ^ bval, pval = j <= max_lane;
            break;
        case Kind::index:
            j = min_lane | (bval & ~segmask), pval = j <= max_lane;
            break;
    }
    return pval ? j : lane;
}

template <class T>
std::vector<T> lane_values() {
    static_assert(sizeof(T) <= 16);
    std::mt19937 random(3);
    std::vector<T> values(kLanes);
    for (T& value : values) {
        unsigned char bytes[sizeof(T)];
        for (auto& byte : bytes) byte = static_cast<unsigned char>(random());
        std::memcpy(static_cast<void*>(&value), bytes, sizeof(T));
    }
    return values;
}

template <class T>
void check_shuffle(const Halves& h, const std::vector<int>& arguments, ThreadOrder order) {
    SimContext context(ordered(order));
    const std::vector<T> x = lane_values<T>();
    std::vector<T> y(kLanes, x[0]), want = y;
    launch(context, {.kernel = "shuffle_kernel", .grid = 1, .block = kLanes}, shuffle_kernel<T>, h,
           arguments.data(), x.data(), y.data());
    for (int l = 0; l < kLanes; ++l) {
        const bool first = h.mask >> l & 1u;
        if (first || h.both)
            want[l] = x[source_of(first ? h.first : h.second, l, arguments[l], h.width)];
    }
    INFO("kinds " << int(h.first) << ", " << int(h.second) << ", width " << h.width << ", mask "
                  << h.mask << ", argument of lane 0 " << arguments[0]);
    CHECK(same_bits(y, want));
}

void check_shuffle_types(const Halves& h, const std::vector<int>& arguments, ThreadOrder order) {
    check_shuffle<uint16_t>(h, arguments, order);
    check_shuffle<uint32_t>(h, arguments, order);
    check_shuffle<uint64_t>(h, arguments, order);
    check_shuffle<Vec<uint32_t, 4>>(h, arguments, order);
}

/// Arguments with which every lane reads one of its own set.
std::vector<int> arguments_within(const Halves& h, std::mt19937& random) {
    std::vector<int> arguments(kLanes);
    for (int l = 0; l < kLanes; ++l) {
        const bool first = h.mask >> l & 1u;
        const Kind kind = first ? h.first : h.second;
        do {
            arguments[l] = int(random() % 200) - 100;
        } while (bool(h.mask >> source_of(kind, l, arguments[l], h.width) & 1u) != first);
    }
    return arguments;
}

}  // namespace

TEST_CASE("simulated shuffles of a whole warp follow the PTX ISA") {
    // 32 and more, and negative ones: only five bits of the argument count.
    for (const Kind kind : kKinds)
        for (int width = 1; width <= kLanes; width *= 2)
            for (int argument = -35; argument <= 70; ++argument)
                check_shuffle<uint32_t>({~0u, kind, kind, width, false},
                                        std::vector<int>(kLanes, argument), ThreadOrder::forward);
    for (const Kind kind : kKinds)
        for (const int argument : {0, 1, 3, 15, 16, 31, 32, 33, -1, 1 << 30, INT32_MIN, INT32_MAX})
            for (const int width : {2, 8, 32})
                check_shuffle_types({~0u, kind, kind, width, false},
                                    std::vector<int>(kLanes, argument), ThreadOrder::backward);
}

TEST_CASE("parts of a simulated warp shuffle by themselves") {
    std::mt19937 random(11);
    for (int i = 0; i < 150; ++i) {
        Halves h{.mask = uint32_t(random()),
                 .first = kKinds[random() % 4],
                 .second = kKinds[random() % 4],
                 .width = 1 << random() % 6,
                 .both = true};
        const std::vector<int> arguments = arguments_within(h, random);
        for (h.both = true;; h.both = false) {
            check_shuffle_types(h, arguments, kOrders[i % 3]);
            if (!h.both) break;
        }
    }
}
