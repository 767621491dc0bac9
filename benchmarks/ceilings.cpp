#include "benchmarks/ceilings.h"

#include <chrono>
#include <cstring>
#include <functional>

#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/report.h"
#include "benchmarks/times.h"
#include "kernels/common/error.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cublas/conv_provider.h"
#endif

namespace sg {

namespace {

constexpr int64_t kib = 1024, mib = 1024 * kib;

/// Seconds of the fastest of `repeats` runs, each timed by milliseconds(run).
template <class Milliseconds>
double best_seconds(int repeats, const std::function<void()>& run, const Milliseconds& time) {
    constexpr int warmup = 3;
    std::vector<double> times;
    for (int i = 0; i < warmup + repeats; ++i) {
        const double ms = time(run);
        if (i >= warmup) times.push_back(ms);
    }
    return 1e-3 * summarise(times).min;
}

double host_milliseconds(const std::function<void()>& run) {
    const auto start = std::chrono::steady_clock::now();
    run();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

/// A product of (side^2) x (side^2) matrices as a convolution with a window of one pixel.
ConvShape square_product(int64_t side) {
    return {.H = side, .W = side, .C = side * side, .K = side * side};
}
double product_flops(const ConvShape& s) {
    return 2.0 * double(s.y_size()) * double(s.C);
}

template <class T>
Ceiling cpu_product(CpuContext& context, const char* name, int repeats) {
    const ConvShape shape = square_product(32);
    const auto x = uniform_values<T>(shape.x_size(), 1, -1, 1);
    const auto w = uniform_values<float>(shape.w_size(), 2, -1, 1);
    std::vector<float> y(shape.y_size());
    const double seconds = best_seconds(
        repeats,
        [&] {
            conv_forward(context, ConvForwardArgs<T, float>{.shape = shape,
                                                            .x = x.data(),
                                                            .w = w.data(),
                                                            .y = y.data(),
                                                            .weight_version = 1});
        },
        host_milliseconds);
    return {.name = std::string("matrix product ") + name,
            .what = fmt::format("{0} x {0}, the CPU's convolution of one pixel", shape.C),
            .value = product_flops(shape) / seconds / 1e12,
            .unit = "TFLOP/s"};
}

std::vector<Ceiling> cpu_ceilings(int threads, int repeats) {
    CpuContext context(threads);
    const PinnedThreads pinned(context.threads());
    const auto copy = [&](const char* name, int64_t bytes, int64_t times) {
        const int64_t parts = context.threads(), part = bytes / parts;
        std::vector<char> from(size_t(bytes), 1), to(size_t(bytes), 2);
        const double seconds = best_seconds(
            repeats,
            [&] {
                parallel_for(context, parts, [&](int64_t i) {
                    for (int64_t t = 0; t < times; ++t)
                        std::memcpy(to.data() + i * part, from.data() + i * part, size_t(part));
                });
            },
            host_milliseconds);
        return Ceiling{.name = name,
                       .what = fmt::format("{} KiB by each of {} threads", part / kib, parts),
                       .value = 2.0 * double(part * parts * times) / seconds / 1e12,
                       .unit = "TB/s"};
    };
    return {copy("copy", 256 * mib, 1), copy("cached copy", 256 * kib * context.threads(), 256),
            cpu_product<float>(context, "f32", repeats),
            cpu_product<bf16>(context, "bf16", repeats)};
}

#ifdef SG_CUDA_ENABLED
const Rotation once;

Ceiling cuda_copy(CudaContext& context, const char* name, int64_t bytes, int repeats) {
    const DeviceMemory<CudaContext, char> from(context, std::vector<char>(size_t(bytes), 1), once);
    const DeviceMemory<CudaContext, char> to(context, std::vector<char>(size_t(bytes)), once);
    constexpr int times = 8;  // in one measurement, which a single small copy is too short for
    const double seconds = best_seconds(
                               repeats,
                               [&] {
                                   for (int i = 0; i < times; ++i)
                                       context.copy(to.data(), from.data(), size_t(bytes));
                               },
                               [&](const auto& run) { return context.milliseconds(run); }) /
                           times;
    return {.name = name,
            .what = fmt::format("{} MiB, by the driver", bytes / mib),
            .value = 2.0 * double(bytes) / seconds / 1e12,
            .unit = "TB/s"};
}

template <class T>
Ceiling cuda_product(CudaContext& context, ConvArithmetic arithmetic, int repeats) {
    const ConvShape shape = square_product(96);  // 9216 x 9216: multiples of every tile
    Ceiling result{.name = fmt::format("matrix product {}", to_string(arithmetic)),
                   .what = "",
                   .unit = "TFLOP/s"};
    try {
        const ConvCall call{.shape = shape, .arithmetic = arithmetic};
        CublasConvProvider provider(context);
        const auto product = provider.build(call, provider.candidates(call).at(0));
        const DeviceMemory<CudaContext, T> a(context, uniform_values<T>(shape.x_size(), 1, -1, 1),
                                             once),
            b(context, uniform_values<T>(shape.w_size(), 2, -1, 1), once),
            c(context, std::vector<T>(size_t(shape.y_size())), once);
        const DeviceMemory<CudaContext, char> workspace(
            context, std::vector<char>(size_t(product->workspace_bytes())), once);
        const ConvOperands operands{a.data(), b.data(), nullptr, c.data()};
        const double seconds = best_seconds(
            repeats, [&] { product->run(operands, workspace.data()); },
            [&](const auto& run) { return context.milliseconds(run); });
        result.value = product_flops(shape) / seconds / 1e12;
        result.what = fmt::format("{0} x {0}, cuBLAS {1}", shape.C, provider.version());
    } catch (const Error& error) {
        result.missing = error.fact().substr(0, error.fact().find('\n'));
    }
    return result;
}

std::vector<Ceiling> cuda_ceilings(int repeats) {
    CudaContext context;
    const auto copy = [&](const char* name, int64_t bytes) {
        try {
            return cuda_copy(context, name, bytes, repeats);
        } catch (const Error& error) {
            return Ceiling{.name = name, .what = "", .unit = "TB/s", .missing = error.fact()};
        }
    };
    return {copy("copy", 1024 * mib), copy("cached copy", 8 * mib),
            cuda_product<bf16>(context, ConvArithmetic::bf16, repeats),
            cuda_product<float>(context, ConvArithmetic::tf32, repeats),
            cuda_product<float>(context, ConvArithmetic::f32, repeats)};
}
#endif

}  // namespace

std::vector<Ceiling> measure_ceilings(const std::string& device, int threads, int repeats) {
    if (device == "cpu") return cpu_ceilings(threads, repeats);
    require(device == "cuda", "ceilings", "on cpu and cuda, not on {}: there is nothing to time",
            device);
#ifdef SG_CUDA_ENABLED
    return cuda_ceilings(repeats);
#else
    throw Error("cuda", "this build has no CUDA: it was configured without a CUDA toolkit");
#endif
}

std::vector<Ceiling> ceilings_from_json(const nlohmann::json& rows) {
    std::vector<Ceiling> ceilings;
    for (const auto& row : rows)
        ceilings.push_back({.name = row.at("name"),
                            .what = row.value("what", ""),
                            .value = row.value("value", 0.0),
                            .unit = row.at("unit"),
                            .missing = row.value("missing", "")});
    return ceilings;
}

nlohmann::json to_json(const std::vector<Ceiling>& ceilings) {
    nlohmann::json rows = nlohmann::json::array();
    for (const Ceiling& c : ceilings) {
        nlohmann::json row = {{"name", c.name}, {"unit", c.unit}};
        if (c.missing.empty()) {
            row["value"] = c.value;
            row["what"] = c.what;
        } else {
            row["missing"] = c.missing;
        }
        rows.push_back(row);
    }
    return rows;
}

}  // namespace sg
