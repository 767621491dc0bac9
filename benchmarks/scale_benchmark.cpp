#include "benchmarks/scale_benchmark.h"

#include <algorithm>
#include <cmath>

#include "benchmarks/report.h"
#include "kernels/common/error.h"

namespace sg {

namespace {

/// Of a convolution with P x P results.
double conv_flops(double N, double P, double K, double window, double C) {
    return 2 * N * P * P * K * window * window * C;
}

struct GeneratorFlops {
    double all, stem;  ///< of a forward pass
};
GeneratorFlops generator_flops(const StepBenchmark& b) {
    const double N = b.batch_size, S = b.image_size, g = b.g_conv_dim;
    const double stem = conv_flops(N, S, g, 7, 3), head = conv_flops(N, S, 3, 7, g);
    const double down1 = conv_flops(N, S / 2, 2 * g, 4, g);
    const double down2 = conv_flops(N, S / 4, 4 * g, 4, 2 * g);
    const double block = 2 * conv_flops(N, S / 4, 4 * g, 3, 4 * g);
    return {stem + head + 2 * (down1 + down2) + b.g_repeat_num * block, stem};
}

struct DiscriminatorFlops {
    double first, others, src, cls;  ///< of a forward pass: layers and heads
};
DiscriminatorFlops discriminator_flops(const StepBenchmark& b) {
    DiscriminatorFlops f{};
    double C = 3, K = b.d_conv_dim, P = double(b.image_size) / 2;
    for (int l = 0; l < b.d_repeat_num; ++l, C = K, K *= 2, P /= 2)
        (l == 0 ? f.first : f.others) += conv_flops(b.batch_size, P, K, 4, C);
    const double last = 2 * P;  // pixels per side of the last map
    f.src = conv_flops(b.batch_size, last, 1, 3, C);
    f.cls = 2.0 * b.batch_size * b.labels * last * last * C;
    return f;
}

void set(StepBenchmark& b, const std::string& axis, int x) {
    if (axis == "image") b.image_size = x;
    if (axis == "batch") b.batch_size = x;
    if (axis == "channels") b.g_conv_dim = b.d_conv_dim = x;
    if (axis == "labels") b.labels = x;
}

double slope(double x0, double y0, double x1, double y1) {
    return std::log(y1 / y0) / std::log(x1 / x0);
}

/// What the model says an iteration costs, in proportion.
double modelled(const ScaleSweep& sweep, const ScalePoint& point) {
    return sweep.axis == "threads" ? 1.0 / point.x : point.flops;
}

std::vector<std::string> departures(const ScaleResult& r) {
    constexpr double much = 0.3;
    std::vector<std::string> all;
    for (size_t i = 1; i < r.points.size(); ++i) {
        const ScalePoint &a = r.points[i - 1], &b = r.points[i];
        const double got = slope(a.x, a.measured.iteration_ms, b.x, b.measured.iteration_ms);
        const double want = slope(a.x, modelled(r.sweep, a), b.x, modelled(r.sweep, b));
        if (std::abs(got - want) > much)
            all.push_back(
                fmt::format("from {} to {}: {:.2f} instead of {:.2f}", a.x, b.x, got, want));
    }
    return all;
}

}  // namespace

std::vector<std::string> scale_axes() {
    return {"image", "batch", "channels", "labels", "threads"};
}

ScaleSweep default_sweep(const std::string& axis, const StepBenchmark& base,
                         const std::string& device, int threads) {
    const auto known = scale_axes();
    require(std::ranges::count(known, axis) > 0, "scale", "there is no axis {}; there are {}", axis,
            fmt::join(known, ", "));
    const auto around = [&](int value, int below, int above) {
        std::vector<int> values;
        for (int x = std::max(1, value / below); x <= value * above; x *= 2) values.push_back(x);
        return ScaleSweep{axis, values};
    };
    if (axis == "image") return around(base.image_size, 2, 2);
    if (axis == "batch") return around(base.batch_size, 4, 2);
    if (axis == "channels") return around(base.g_conv_dim, 2, 2);
    if (axis == "labels") return around(base.labels, 1, 8);
    require(device == "cpu", "scale", "{} has no threads to choose; the axis is the cpu's", device);
    return around(1, 1, threads);
}

double iteration_flops(const StepBenchmark& b) {
    const GeneratorFlops G = generator_flops(b);
    const DiscriminatorFlops D = discriminator_flops(b);
    // D's step over real, fake and x_hat: forward, dgrad (the first layer's for x_hat alone),
    // wgrad, and the tangents of x_hat; the class head sees the real images alone.
    const double d_step = G.all + 3 * (3 * (D.others + D.src) + D.cls) + 2 * 3 * D.first + D.first +
                          D.first + D.others;
    // G's step: the second pass forward, both back but the first one's image, D there and back.
    const double g_step = G.all + 4 * G.all - G.stem + 2 * (D.first + D.others + D.src + D.cls);
    return d_step + g_step / b.n_critic;
}

double fitted_exponent(const std::vector<double>& x, const std::vector<double>& y) {
    require(x.size() == y.size() && x.size() >= 2, "scale", "{} points have no exponent", x.size());
    double mean_x = 0, mean_y = 0, xy = 0, xx = 0;
    const auto n = double(x.size());
    for (size_t i = 0; i < x.size(); ++i)
        mean_x += std::log(x[i]) / n, mean_y += std::log(y[i]) / n;
    for (size_t i = 0; i < x.size(); ++i) {
        xy += (std::log(x[i]) - mean_x) * (std::log(y[i]) - mean_y);
        xx += (std::log(x[i]) - mean_x) * (std::log(x[i]) - mean_x);
    }
    require(xx > 0, "scale", "the points are all at {}", x[0]);
    return xy / xx;
}

ScaleResult run_sweep(const ScaleSweep& sweep, const StepBenchmark& base,
                      const std::function<std::unique_ptr<Device>(int threads)>& open,
                      const std::function<void(const ScalePoint&)>& done) {
    ScaleResult result{.sweep = sweep};
    std::vector<double> x, measured, model;
    for (const int value : sweep.values) {
        StepBenchmark b = base;
        set(b, sweep.axis, value);
        const auto device = open(sweep.axis == "threads" ? value : 0);
        result.points.push_back(
            {.x = value, .measured = run_step_benchmark(*device, b), .flops = iteration_flops(b)});
        const ScalePoint& point = result.points.back();
        done(point);
        x.push_back(value);
        measured.push_back(point.measured.iteration_ms);
        model.push_back(modelled(sweep, point));
    }
    if (x.size() >= 2) {
        result.exponent = fitted_exponent(x, measured);
        result.model_exponent = fitted_exponent(x, model);
    }
    result.departures = departures(result);
    return result;
}

void add_result(nlohmann::json& report, const ScaleResult& r, Precision precision) {
    // The model's line goes through the measurements as high as theirs.
    double log_ratio = 0;
    for (const ScalePoint& p : r.points)
        log_ratio +=
            std::log(p.measured.iteration_ms / modelled(r.sweep, p)) / double(r.points.size());
    nlohmann::json points = nlohmann::json::array();
    for (const ScalePoint& p : r.points) {
        points.push_back({{"x", p.x},
                          {"d_step_ms", p.measured.d_step.median},
                          {"g_step_ms", p.measured.g_step.median},
                          {"iteration_ms", p.measured.iteration_ms},
                          {"flops", p.flops},
                          {"model_ms", std::exp(log_ratio) * modelled(r.sweep, p)},
                          {"tensor_peak_mb", p.measured.tensor_peak_mb}});
        const std::string name = fmt::format("{} {} {:.4g} GFLOP {}", r.sweep.axis, p.x,
                                             p.flops / 1e9, to_string(precision));
        add_measurement(report, name + " D step", p.measured.d_step.samples);
        add_measurement(report, name + " G step", p.measured.g_step.samples);
    }
    report["cases"].push_back({{"axis", r.sweep.axis},
                               {"precision", to_string(precision)},
                               {"points", points},
                               {"exponent", r.exponent},
                               {"model_exponent", r.model_exponent},
                               {"departures", r.departures}});
}

}  // namespace sg
