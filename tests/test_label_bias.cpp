#include "tests/label_bias_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

uint64_t fresh = 100;  // seeds: no two cases see the same numbers

HostDevice<CpuContext> cpu(int threads) {
    return {CpuContext(threads), "cpu", false};
}

/// body(device, T) for every device and the types it has.
template <class Body>
void for_each_device_and_type(const Body& body) {
    for_each_device([&](auto& device) {
        for_each_type([&](auto type) { body(device, type); });
        if constexpr (std::decay_t<decltype(device)>::is_cpu) body(device, double{});
    });
}

/// Calls body(y index, n, table index, tap of w) for every tap inside the picture.
template <class Body>
void for_each_tap(const LabelBiasShape& s, const Body& body) {
    const int64_t p = (s.R - 1) / 2;
    const auto class_of = [&](int64_t i, int64_t size) {
        if (i < p) return i;
        if (i <= size - 1 - p) return p;
        return i - (size - s.R);
    };
    for (int64_t n = 0; n < s.N; ++n)
        for (int64_t h = 0; h < s.H; ++h)
            for (int64_t w = 0; w < s.W; ++w)
                for (int64_t k = 0; k < s.K; ++k) {
                    const int64_t a = class_of(h, s.H), b = class_of(w, s.W);
                    const int64_t entry = ((n * s.R + a) * s.R + b) * s.K + k;
                    for (int64_t r = 0; r < s.R; ++r)
                        for (int64_t t = 0; t < s.R; ++t) {
                            const int64_t y = h - p + r, x = w - p + t;
                            if (y < 0 || y >= s.H || x < 0 || x >= s.W) continue;
                            body(((n * s.H + h) * s.W + w) * s.K + k, n, entry,
                                 (k * s.R + r) * s.R + t);
                        }
                }
}

/// Against the definition: every pixel's taps, one by one.
template <class T, class Device>
void check_definition(Device& device, const LabelBiasShape& s) {
    const BiasCase<T> test(s, fresh += 10);
    const double tolerance = 200 * half_ulp<acc_t<T>>;
    std::vector<double> bias(test.y.size()), table(s.table_size());
    std::vector<double> grad_w(s.K * s.R * s.R * s.L);
    std::vector<int64_t> first(s.table_size(), -1);  // a class's entry is that of its first pixel
    for_each_tap(s, [&](int64_t y, int64_t n, int64_t entry, int64_t tap) {
        if (first[entry] < 0) first[entry] = y;
        for (int64_t j = 0; j < s.L; ++j) {
            const double label = double(test.labels[n * s.L + j]);
            const double term = label * double(test.weights[tap * test.stride + test.C + j]);
            bias[y] += term;
            if (first[entry] == y) table[entry] += term;
            grad_w[tap * s.L + j] += label * double(acc_t<T>(test.grad_y[y]));
        }
    });
    CHECK(max_error(to_double(test.table(device)), table) < tolerance);
    const auto got = to_double(test.forward(device, false, test.y));
    for (size_t i = 0; i < bias.size(); ++i) bias[i] += double(acc_t<T>(test.y[i]));
    CHECK(max_error(got, bias) < tolerance + 2 * half_ulp<T>);
    CHECK(max_error(test.backward(device, false, test.grad_y), grad_w) < tolerance);
}

/// Against the CPU's kernels, and against itself: the same bits every time.
template <class T, class Device>
void check_against_cpu(Device& device, const LabelBiasShape& s) {
    const BiasCase<T> test(s, fresh += 10);
    auto reference = cpu(1);
    const double tolerance = 50 * half_ulp<acc_t<T>>;
    const auto table = test.table(device);
    CHECK(max_error(to_double(table), to_double(test.table(reference))) < tolerance);
    CHECK(same_bits(test.table(device), table));
    for (const bool relative : {false, true}) {
        const auto y = test.forward(device, relative, test.y);
        CHECK(max_error(to_double(y), to_double(test.forward(reference, relative, test.y))) <
              tolerance + 2 * half_ulp<T>);
        if (relative) CHECK(same_bits(test.forward(device, relative, test.y), y));
        const auto grad_w = test.backward(device, relative, test.grad_y);
        CHECK(max_error(grad_w, test.backward(reference, relative, test.grad_y)) < tolerance);
        if (relative) CHECK(test.backward(device, relative, test.grad_y) == grad_w);
    }
}

bool in_frame(const LabelBiasShape& s, int64_t index) {
    const int64_t w = index / s.K % s.W, h = index / s.K / s.W % s.H, p = s.p();
    return h < p || h >= s.H - p || w < p || w >= s.W - p;
}

/// `relative` is the same but for a constant per (n,k), and leaves the interior as it was.
template <class T, class Device>
void check_relative(Device& device, const LabelBiasShape& s) {
    const BiasCase<T> test(s, fresh += 10);
    const auto table = test.table(device);
    const auto before = to_double(test.y);
    const auto got = to_double(test.forward(device, true, test.y));
    std::vector<double> want = to_double(test.forward(device, false, test.y));
    const int64_t p = s.p();
    bool interior_kept = true;
    for (int64_t i = 0; i < int64_t(want.size()); ++i) {
        const int64_t k = i % s.K, n = i / s.K / s.W / s.H;
        want[i] -= double(table[((n * s.R + p) * s.R + p) * s.K + k]);
        if (!in_frame(s, i)) interior_kept &= got[i] == before[i];
    }
    CHECK(interior_kept);
    CHECK(max_error(got, want) < 200 * half_ulp<acc_t<T>> + 8 * half_ulp<T>);
}

/// grad_y as the kernel asks for it behind a norm: every (n,k) sums to zero. The interior is not
/// read: NaN there changes nothing.
template <class T, class Device>
void check_relative_backward(Device& device, const LabelBiasShape& s) {
    const BiasCase<T> test(s, fresh += 10);
    auto grad = to_double(test.grad_y);
    const int64_t M = s.H * s.W;
    for (int64_t n = 0; n < s.N; ++n)
        for (int64_t k = 0; k < s.K; ++k) {
            double mean = 0;
            for (int64_t m = 0; m < M; ++m) mean += grad[(n * M + m) * s.K + k] / double(M);
            for (int64_t m = 0; m < M; ++m) grad[(n * M + m) * s.K + k] -= mean;
        }
    const auto want = test.backward(device, false, to<T>(grad));
    for (size_t i = 0; i < grad.size(); ++i)
        if (!in_frame(s, int64_t(i))) grad[i] = std::nan("");
    const auto got = test.backward(device, true, to<T>(grad));
    // The rounding of M values is what their sum differs from zero by.
    if (s.R > 1) CHECK(max_error(got, want) < 1e4 * half_ulp<T>);
    if (s.R == 1) CHECK(max_error(got, std::vector<double>(got.size())) == 0);
}

}  // namespace

TEST_CASE("the labels' share of a convolution is a table of position classes", "[label_bias]") {
    for_each_device_and_type([&]<class T>(auto& device, T) {
        for (const LabelBiasShape& s : bias_shapes()) {
            INFO(describe(s));
            check_definition<T>(device, s);
            check_against_cpu<T>(device, s);
        }
    });
}

TEST_CASE("relative to the interior only the frame changes", "[label_bias]") {
    for_each_device_and_type([&]<class T>(auto& device, T) {
        for (const LabelBiasShape& s : bias_shapes()) {
            INFO(describe(s));
            check_relative<T>(device, s);
            if (!std::is_same_v<T, bf16>) check_relative_backward<T>(device, s);
        }
    });
}

TEST_CASE("label biases have the same bits on any number of threads", "[label_bias]") {
    auto one = cpu(1);
    const BiasCase<float> test(bias_shapes().back(), 4000);
    for (int threads : {2, 3, 5}) {
        auto several = cpu(threads);
        CHECK(same_bits(test.table(several), test.table(one)));
        for (bool relative : {false, true}) {
            CHECK(same_bits(test.forward(several, relative, test.y),
                            test.forward(one, relative, test.y)));
            CHECK(test.backward(several, relative, test.grad_y) ==
                  test.backward(one, relative, test.grad_y));
        }
    }
}

TEST_CASE("label biases have the same bits in any order of threads", "[label_bias]") {
    const LabelBiasShape s{.N = 3, .H = 9, .W = 11, .K = 24, .L = 5, .R = 7};
    const BiasCase<bf16> test(s, 5000);
    SimContext sim({.check_races = true});
    std::vector<float> table(s.table_size()), grad_w(test.weights.size());
    check_order_independence(sim, std::as_writable_bytes(std::span(table)), [&] {
        label_bias_table(sim, LabelBiasTableArgs<float>{s, test.labels.data(), test.weights.data(),
                                                        test.stride, table.data()});
    });
    std::vector<float> workspace(label_bias_workspace(s));
    for (bool relative : {false, true})
        check_order_independence(sim, std::as_writable_bytes(std::span(grad_w)), [&] {
            label_bias_backward(sim, LabelBiasBackwardArgs<bf16>{
                                         s, test.grad_y.data(), test.labels.data(), relative,
                                         grad_w.data(), test.stride, workspace.data()});
        });
}

TEST_CASE("the relative form accesses the frame once and nothing else", "[label_bias]") {
    const LabelBiasShape s{.N = 2, .H = 17, .W = 20, .K = 64, .L = 5, .R = 7};
    const int64_t frame = s.N * (s.H * s.W - (s.H - 6) * (s.W - 6)) * s.K;
    const BiasCase<bf16> test(s, 6000);
    HostDevice<SimContext> device{SimContext({.count = true}), "sim", true};
    test.forward(device, true, test.y);
    test.backward(device, true, test.grad_y);
    const auto& launches = device.context.launches;
    REQUIRE(launches.size() == 4);  // the table, its use, the classes' sums, the gradient
    const int64_t bytes = frame * int64_t(sizeof(bf16));
    CHECK(launches[1].global_stores.bytes == bytes);
    CHECK(launches[1].global_stores.instructions == frame / 8 / 32);  // 16 bytes per lane
    CHECK(launches[1].global_loads.bytes == 5 * bytes);  // y, and two f32 entries of the table
    CHECK(launches[1].global_loads.instructions == 5 * frame / 8 / 32);
    CHECK(launches[1].grid.x * launches[1].block.x < frame / 8 + launches[1].block.x);
    CHECK(launches[2].global_loads.bytes == bytes);
    CHECK(launches[2].shared_loads.conflicts == 0);
    CHECK(launches[2].shared_stores.conflicts == 0);
}

TEST_CASE("label biases refuse pictures smaller than the kernel and even kernels", "[label_bias]") {
    const LabelBiasShape good{.N = 2, .H = 8, .W = 9, .K = 4, .L = 5, .R = 7};
    check_label_bias("my_launcher", good);
    const auto refuses = [](LabelBiasShape s, const std::vector<std::string>& parts) {
        expect_error([&] { check_label_bias("my_launcher", s); }, parts);
    };
    LabelBiasShape low = good, narrow = good, even = good, empty = good;
    low.H = 6;
    narrow.W = 5;
    even.R = 4;
    empty.L = 0;
    refuses(low, {"my_launcher", "6x9", "7x7"});
    refuses(narrow, {"8x5", "7x7"});
    refuses(even, {"4x4"});
    refuses(empty, {"0 labels"});
    LabelBiasTableArgs<float> table{};
    LabelBiasForwardArgs<bf16> forward{};
    LabelBiasBackwardArgs<bf16> backward{};
    table.shape = forward.shape = backward.shape = low;
    for_each_device([&](auto& device) {
        auto& context = device.context;
        expect_error([&] { label_bias_table(context, table); }, {"label_bias_table"});
        expect_error([&] { label_bias_forward(context, forward); }, {"label_bias_forward"});
        expect_error([&] { label_bias_backward(context, backward); }, {"label_bias_backward"});
    });
}
