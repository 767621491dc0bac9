#include <array>

#include "kernels/adam/adam.h"
#include "tests/devices.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr double kRate = 1e-3, kBeta1 = 0.5, kBeta2 = 0.999, kEps = 1e-8;
constexpr int kSteps = 5;

/// p, m and v as the paper's algorithm 1 has them after kSteps updates with `gradients`.
struct AdamReference {
    std::vector<double> p, m, v;

    AdamReference(std::vector<double> start, const std::vector<std::vector<double>>& gradients)
        : p(std::move(start)), m(p.size()), v(p.size()) {
        for (size_t step = 0; step < gradients.size(); ++step)
            for (size_t i = 0; i < p.size(); ++i) update(i, int(step) + 1, gradients[step][i]);
    }

  private:
    void update(size_t i, int t, double g) {
        m[i] = kBeta1 * m[i] + (1 - kBeta1) * g;
        v[i] = kBeta2 * v[i] + (1 - kBeta2) * g * g;
        const double m_hat = m[i] / (1 - std::pow(kBeta1, t));
        const double v_hat = v[i] / (1 - std::pow(kBeta2, t));
        p[i] -= kRate * m_hat / (std::sqrt(v_hat) + kEps);
    }
};

/// An AdamSchedule where the device's kernels can use it: an output of 8-byte words.
template <class Device>
class DeviceSchedule {
  public:
    using Words = std::array<int64_t, 4>;
    static_assert(sizeof(AdamSchedule) == sizeof(Words));

    DeviceSchedule(Device& device, const AdamSchedule& start) : words_(words(device, start)) {}
    AdamSchedule* data() { return reinterpret_cast<AdamSchedule*>(words_.data()); }
    AdamSchedule get() const {
        words_.get();  // checks what lies around it
        Words words{};
        const auto values = words_.values();
        std::copy(values.begin(), values.end(), words.begin());
        return std::bit_cast<AdamSchedule>(words);
    }

  private:
    static auto words(Device& device, const AdamSchedule& start) {
        const auto words = std::bit_cast<Words>(start);
        return device.output(std::vector<int64_t>(words.begin(), words.end()));
    }
    decltype(words(std::declval<Device&>(), {})) words_;
};

/// kSteps updates in T, the schedule moved on by adam_advance.
/// Returns p, m and v, one after the other.
template <class T, class Device>
std::vector<double> check_adam(Device& device, int64_t count, double tolerance) {
    INFO(count << " parameters");
    const auto start = to<T>(uniform(count, 21));
    auto p = device.output(start), m = device.output(std::vector<T>(size_t(count)));
    auto v = device.output(std::vector<T>(size_t(count)));
    std::vector<std::vector<double>> gradients;
    for (int t = 1; t <= kSteps; ++t) gradients.push_back(rounded<T>(uniform(count, 30 + t)));
    const AdamReference want(to_double(start), gradients);
    DeviceSchedule schedule(device, AdamSchedule{.lr = kRate});
    for (const auto& gradient : gradients) {
        const auto g = device.input(to<T>(gradient));
        adam_advance(device.context, AdamAdvanceArgs{schedule.data(), kBeta1, kBeta2});
        adam_update(device.context, AdamArgs<T>{.count = count,
                                                .p = p,
                                                .m = m,
                                                .v = v,
                                                .g = g,
                                                .schedule = schedule.data(),
                                                .beta1 = kBeta1,
                                                .beta2 = kBeta2,
                                                .eps = kEps});
        p.get();  // before g goes
    }
    CHECK(schedule.get().step == kSteps);
    CHECK(max_error(p.get(), want.p) < tolerance);
    CHECK(max_error(m.get(), want.m) < tolerance);
    CHECK(max_error(v.get(), want.v) < tolerance);
    std::vector<double> all;
    for (const auto& part : {p.get(), m.get(), v.get()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

const std::vector<int64_t> kCounts = {1, 31, 32, 33, 2 * chunk_elements + 37};

}  // namespace

TEST_CASE("Adam follows the paper's algorithm 1", "[adam]") {
    for_each_device([](auto& device) {
        for (const int64_t count : kCounts) {
            const auto got = check_adam<float>(device, count, 1e-6);
            if (count < 100) CHECK(check_adam<float>(device, count, 1e-6) == got);
        }
    });
    HostDevice<SimContext> sim{SimContext(), "sim, one parameter per thread", false};
    check_adam<float>(sim, 132 * 8 * 256 + 7, 1e-6);  // more than its grid takes at once
}

TEST_CASE("a halted update changes nothing", "[adam]") {
    for_each_device([](auto& device) {
        for (const int64_t count : kCounts) {
            INFO(count << " parameters");
            const auto start = to<float>(uniform(count, 5)), moment = to<float>(uniform(count, 6));
            const auto square = to<float>(uniform(count, 7, 0, 1));
            const auto g = device.input(to<float>(uniform(count, 8)));
            const auto go = device.input(std::vector<int32_t>{0});
            const auto halt = device.input(std::vector<int32_t>{1});
            DeviceSchedule schedule(device, adam_schedule(3, kRate, kBeta1, kBeta2));
            const auto update = [&](const int32_t* halted) {
                auto p = device.output(start), m = device.output(moment), v = device.output(square);
                adam_update(device.context, AdamArgs<float>{.count = count,
                                                            .p = p,
                                                            .m = m,
                                                            .v = v,
                                                            .g = g,
                                                            .schedule = schedule.data(),
                                                            .beta1 = kBeta1,
                                                            .beta2 = kBeta2,
                                                            .eps = kEps,
                                                            .halted = halted});
                return std::vector{p.get(), m.get(), v.get()};
            };
            CHECK(update(halt) ==
                  std::vector{to_double(start), to_double(moment), to_double(square)});
            const auto moved = update(nullptr);
            CHECK(update(go) == moved);
            CHECK(moved[0] != to_double(start));
        }
    });
}

TEST_CASE("Adam on the CPU has the same bits on any number of threads", "[adam]") {
    HostDevice<CpuContext> one{CpuContext(1), "cpu", true}, several{CpuContext(3), "cpu", false};
    for (const int64_t count : kCounts) {
        CHECK(check_adam<float>(one, count, 1e-6) == check_adam<float>(several, count, 1e-6));
        CHECK(check_adam<double>(one, count, 1e-14) == check_adam<double>(several, count, 1e-14));
    }
}

TEST_CASE("Adam's schedule holds the corrections of its step", "[adam]") {
    for_each_device([](auto& device) {
        DeviceSchedule on_device(device, AdamSchedule{.lr = kRate});
        for (int t = 1; t <= 2000; ++t) {
            adam_advance(device.context, AdamAdvanceArgs{on_device.data(), kBeta1, kBeta2});
            if (t > 20 && t % 97) continue;
            const AdamSchedule schedule = on_device.get();
            const AdamSchedule direct = adam_schedule(t, kRate, kBeta1, kBeta2);
            // A GPU's powers may differ in the last place.
            bool same = schedule.step == t && schedule.lr == kRate;
            same &= std::abs(schedule.correction1 / direct.correction1 - 1) < 1e-14;
            same &= std::abs(schedule.correction2 / direct.correction2 - 1) < 1e-12;
            if (!same) FAIL("step " << t);
        }
        // 0.5^2000 is 0 in f64; 0.999^2000 is not.
        CHECK(on_device.get().correction1 == 1);
        CHECK(on_device.get().correction2 ==
              Approx(1 / std::sqrt(1 - std::pow(0.999, 2000))).epsilon(1e-14));
    });
    const AdamSchedule first = adam_schedule(1, 7, kBeta1, kBeta2);
    CHECK(first.lr == 7);
    CHECK(first.correction1 == 2);
    CHECK(first.correction2 == Approx(std::sqrt(1000.0)).epsilon(1e-12));
}
