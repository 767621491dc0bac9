#include "benchmarks/kernel_suite.h"

#include <algorithm>
#include <chrono>

#include "benchmarks/conv_layers.h"

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
    if (device == "cpu") return int(benchmark_versions(kernel, device).size());
    if (kernel == to_string(ConvPass::forward)) return 6;
    return is_conv_kernel(kernel) ? 2 : 1;
}

/// Cases of one kernel and precision. The heaviest layers first: if time is short, they count most.
void add_cases(const KernelSuite& suite, KernelBenchmark b, std::vector<KernelBenchmark>& cases) {
    const Network& n = network(suite.name);
    if (is_conv_kernel(b.kernel)) {
        for (const char* layer : {"res", "down2", "up1", "stem", "down1", "up2", "head", "d6", "d5",
                                  "d2", "d3", "d4", "d1"}) {
            b.conv = layer_of(n, layer);
            const bool known = std::ranges::any_of(cases, [&](const KernelBenchmark& other) {
                return other.kernel == b.kernel && other.conv == b.conv && other.bf16 == b.bf16 &&
                       other.math == b.math;
            });  // up1 and up2 are the transposes of down2 and down1
            if (!known && b.conv.H + 2 * b.conv.pad >= b.conv.R) cases.push_back(b);
        }
        return;
    }
    const bool norm = b.kernel.starts_with("instance_norm");
    for (int64_t shrunk : {1, 2, 4}) {
        if (!norm && shrunk > 1) break;
        b.conv = {.N = n.batch,
                  .H = n.image / shrunk,
                  .W = n.image / shrunk,
                  .C = norm ? n.channels * shrunk : 3};
        b.norm = {.N = n.batch, .M = b.conv.H * b.conv.W, .C = b.conv.C};
        cases.push_back(b);
    }
}

/// Whether a kernel exists in a precision on a device.
bool has_precision(const std::string& kernel, const std::string& device,
                   const std::string& precision) {
    if (precision == "tf32") return is_conv_kernel(kernel) && device != "cpu";
    return precision == "f32" || kernel != "gradient_penalty";
}

}  // namespace

std::vector<std::string> kernel_suites() {
    std::vector<std::string> names;
    for (const Network& n : networks) names.emplace_back(n.name);
    return names;
}

std::vector<KernelBenchmark> suite_cases(const KernelSuite& suite) {
    std::vector<std::vector<KernelBenchmark>> by_kernel;
    for (const std::string& precision : suite.precisions)
        for (const std::string& kernel : benchmark_kernels()) {
            if (!has_precision(kernel, suite.device, precision)) continue;
            auto& cases = by_kernel.emplace_back();
            KernelBenchmark b;
            b.kernel = kernel, b.device = suite.device;
            b.threads = suite.threads, b.repeats = suite.repeats;
            if (!suite.ladder) b.first_version = first_production_version(kernel, suite.device);
            set_precision(b, precision);
            add_cases(suite, b, cases);
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

nlohmann::json to_json(const KernelBenchmark& b, const std::vector<KernelResult>& results) {
    const KernelWork work = kernel_work(b);
    nlohmann::json rows = nlohmann::json::array();
    for (const KernelResult& r : results) {
        nlohmann::json row = {{"version", r.version}, {"name", r.name}};
        if (!r.skipped.empty()) {
            row["skipped"] = r.skipped;
        } else if (b.device == "sim") {
            LaunchCounts all;
            for (const LaunchCounts& launch : r.launches) all.add(launch);
            row["error"] = r.error;
            row["sectors"] = all.global_loads.sectors + all.global_stores.sectors;
            row["bank_conflicts"] = all.shared_loads.conflicts + all.shared_stores.conflicts;
            row["barriers"] = all.barriers;
        } else {
            row["error"] = r.error;
            row["median_ms"] = r.time.median;
            row["min_ms"] = r.time.min;
            row["max_ms"] = r.time.max;
        }
        if (r.version == 0) row["what"] = r.idea;
        rows.push_back(row);
    }
    return {{"kernel", b.kernel},
            {"shape", shape_name(b)},
            {"precision", precision_name(b)},
            {"device", b.device},
            {"bytes", work.bytes},
            {"flops", work.flops},
            {"tensor_cores", work.tensor_cores},
            {"rows", rows}};
}

int run_suite(const KernelSuite& suite, const std::function<void(const nlohmann::json&)>& done) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    int left = 0;
    for (const KernelBenchmark& b : suite_cases(suite)) {
        const std::chrono::duration<double> spent = Clock::now() - start;
        if (suite.seconds > 0 && spent.count() > suite.seconds) {
            ++left;
            continue;
        }
        try {
            const auto results = run_kernel_benchmark(b);
            const auto ran = [](const KernelResult& r) { return r.version && r.skipped.empty(); };
            require(std::ranges::any_of(results, ran), b.kernel.c_str(),
                    "none of our versions ran: {}",
                    results.empty() ? "there are none" : results.front().skipped);
            done(to_json(b, results));
        } catch (const Error& error) {
            done({{"kernel", b.kernel},
                  {"shape", shape_name(b)},
                  {"precision", precision_name(b)},
                  {"device", b.device},
                  {"error", error.what()}});
        }
    }
    return left;
}

}  // namespace sg
