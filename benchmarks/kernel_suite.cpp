#include "benchmarks/kernel_suite.h"

#include <algorithm>
#include <array>

#include "benchmarks/conv_layers.h"
#include "benchmarks/name_filter.h"
#include "kernels/common/error.h"

namespace sg {

namespace {

struct Network {
    const char* name;
    int64_t image, batch, channels;
};
constexpr Network networks[] = {
    {"paper", 128, 16, 64}, {"joint", 256, 8, 64}, {"demo", 64, 16, 16}, {"tiny", 32, 1, 8}};

const Network& network(const std::string& name) {
    for (const Network& n : networks)
        if (n.name == name) return n;
    throw Error("suite", fmt::format("there is no {}; there are {}", name,
                                     fmt::join(kernel_suites(), ", ")));
}

/// The paper's layer with all but the image's own channels in proportion.
ConvShape layer_of(const Network& n, const std::string& layer) {
    ConvShape s = conv_layer(layer, n.batch, n.image);
    const auto scaled = [&](int64_t channels) {
        return channels < 64 ? channels : channels * n.channels / 64;
    };
    s.C = scaled(s.C), s.K = scaled(s.K);
    return s;
}

/// The first version of each ladder that the engine calls.
int first_production_version(const std::string& kernel, const std::string& device) {
    if (kernel == "adam") return 1;  // both
    if (device == "cpu") return int(benchmark_versions(kernel, device).size());
    if (kernel == to_string(ConvPass::forward)) return 6;
    return is_conv_kernel(kernel) ? 2 : 1;
}

using Extents = std::array<int64_t, 4>;  // N, H, W, C

/// The x of a kernel other than a convolution where a network uses it most.
std::vector<Extents> extents_of(const Network& n, const std::string& kernel) {
    const auto one_of = [&](std::initializer_list<const char*> names) {
        return std::ranges::count(names, kernel) > 0;
    };
    if (kernel.starts_with("instance_norm")) {  // behind the stem, down1 and down2
        std::vector<Extents> all;
        for (const int64_t shrunk : {1, 2, 4})
            all.push_back({n.batch, n.image / shrunk, n.image / shrunk, n.channels * shrunk});
        return all;
    }
    if (one_of({"adam", "cast", "find_non_finite"})) {  // D's largest weights
        const ConvShape d6 = layer_of(n, "d6");
        return {{d6.K, d6.R, d6.S, d6.C}};
    }
    if (one_of({"leaky_relu", "leaky_relu_backward", "sum_channels"})) {  // D's largest map
        const ConvShape d1 = layer_of(n, "d1");
        return {{d1.N, d1.P(), d1.Q(), d1.K}};
    }
    if (one_of({"add", "upsample_forward", "upsample_backward"})) {  // the residual blocks' map
        const ConvShape res = layer_of(n, "res");
        return {{res.N, res.H, res.W, res.C}};
    }
    if (kernel == "mean_forward") {  // D's patches
        const int64_t patches = std::max<int64_t>(n.image / 64, 1);
        return {{n.batch, patches, patches, 1}};
    }
    constexpr int64_t labels = 5;  // the paper's
    if (one_of({"bce_with_logits_forward", "cross_entropy_forward"}))
        return {{n.batch, 1, 1, labels}};
    return {{n.batch, n.image, n.image, 3}};
}

/// Cases of one kernel and precision. The heaviest layers first: if time is short, they count most.
void add_cases(const KernelSuite& suite, KernelBenchmark b, std::vector<KernelBenchmark>& cases) {
    const Network& n = network(suite.name);
    if (is_conv_kernel(b.kernel)) {
        for (const char* layer : {"res", "down2", "up1", "stem", "down1", "up2", "head", "d6", "d5",
                                  "d2", "d3", "d4", "d1"}) {
            b.conv = layer_of(n, layer);
            b.layer = layer;
            const bool known = std::ranges::any_of(cases, [&](const KernelBenchmark& other) {
                return other.kernel == b.kernel && other.conv == b.conv && other.bf16 == b.bf16 &&
                       other.math == b.math;
            });  // up1 and up2 are the transposes of down2 and down1
            if (!known && b.conv.H + 2 * b.conv.pad >= b.conv.R) cases.push_back(b);
        }
        return;
    }
    for (const Extents& extents : extents_of(n, b.kernel)) {
        const auto [N, H, W, C] = extents;
        b.conv = {.N = N, .H = H, .W = W, .C = C};
        b.norm = {.N = N, .M = H * W, .C = C};
        cases.push_back(b);
    }
}

}  // namespace

std::vector<std::string> kernel_suites() {
    std::vector<std::string> names;
    for (const Network& n : networks) names.emplace_back(n.name);
    return names;
}

std::vector<KernelBenchmark> suite_cases(const KernelSuite& suite) {
    const NameFilter filter(suite.filter);
    std::vector<std::vector<KernelBenchmark>> by_kernel;
    for (const std::string& precision : suite.precisions)
        for (const std::string& kernel : benchmark_kernels()) {
            if (!has_precision(kernel, suite.device, precision)) continue;
            auto& cases = by_kernel.emplace_back();
            KernelBenchmark b;
            b.kernel = kernel, b.device = suite.device;
            b.threads = suite.threads, b.sampling = suite.sampling;
            b.warm = suite.warm, b.copies = suite.copies;
            if (!suite.ladder) b.first_version = first_production_version(kernel, suite.device);
            set_precision(b, precision);
            add_cases(suite, b, cases);
            std::erase_if(
                cases, [&](const KernelBenchmark& one) { return !filter.matches(case_name(one)); });
        }
    // In turns: if time is short, every kernel has had its heaviest.
    std::vector<KernelBenchmark> all;
    for (size_t i = 0, before = 1; all.size() != before; ++i) {
        before = all.size();
        for (const auto& cases : by_kernel)
            if (i < cases.size()) all.push_back(cases[i]);
    }
    return all;
}

double estimated_seconds(const std::vector<KernelBenchmark>& cases, const Roofs& roofs) {
    constexpr double of_ceiling = 0.5;  // what a kernel reaches, roughly
    double ms = 0;
    for (const KernelBenchmark& b : cases) {
        const auto versions = int(benchmark_versions(b.kernel, b.device).size());
        const int rows = versions - b.first_version + 2;  // and one to compare with
        const int runs = b.sampling.warmup + b.sampling.repeats * b.sampling.attempts;
        const double once = roofs.ceiling_ms(b).value_or(1) / of_ceiling;
        const double sample = once * runs_at_once(b.device == "cpu", once);
        ms += (sample + (b.warm ? sample + once : 0)) * rows * runs;  // warm: after one more
    }
    return 1e-3 * ms;
}

SuiteResult run_suite_case(const KernelBenchmark& b) {
    SuiteResult result{.benchmark = b, .results = {}, .error = ""};
    try {
        result.results = run_kernel_benchmark(b);
        const auto ran = [](const KernelResult& r) { return r.version && r.skipped.empty(); };
        require(std::ranges::any_of(result.results, ran), b.kernel.c_str(),
                "none of our versions ran: {}",
                result.results.empty() ? "there are none" : result.results.front().skipped);
    } catch (const Error& error) {
        result.error = error.what();
    }
    return result;
}

nlohmann::json to_json(const SuiteResult& result, const Roofs& roofs) {
    nlohmann::json json = to_json(result.benchmark, result.results, roofs);
    if (result.error.empty()) return json;
    json.erase("rows");
    json["error"] = result.error;
    return json;
}

}  // namespace sg
