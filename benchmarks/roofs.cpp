#include "benchmarks/roofs.h"

#include <algorithm>

#include "benchmarks/report.h"
#include "kernels/common/error.h"

namespace sg {

namespace {

using Json = nlohmann::json;

/// In units per second; 0 if it was not measured.
double rate(const std::vector<Ceiling>& ceilings, const std::string& name) {
    for (const Ceiling& c : ceilings)
        if (c.name == name && c.missing.empty()) return 1e12 * c.value;
    return 0;
}

LaunchCounts sum_of(const KernelResult& result) {
    LaunchCounts all;
    for (const LaunchCounts& launch : result.launches) all.add(launch);
    return all;
}

void add_counts(Json& row, const KernelResult& r) {
    const LaunchCounts all = sum_of(r);
    row["bytes"] = all.global_loads.bytes + all.global_stores.bytes;
    row["sectors"] = all.global_loads.sectors + all.global_stores.sectors;
    row["bank_conflicts"] = all.shared_loads.conflicts + all.shared_stores.conflicts;
    row["barriers"] = all.barriers;
}

void add_times(Json& row, const KernelBenchmark& b, const KernelResult& r,
               const KernelResult* reference, const Roofs& roofs) {
    const KernelWork work = kernel_work(b);
    const double ms = r.time.median;
    row["median_ms"] = ms;
    row["min_ms"] = r.time.min;
    row["max_ms"] = r.time.max;
    row["spread"] = r.time.spread;
    row["outliers"] = r.time.outliers;
    row["attempts"] = r.attempts;
    row["copies"] = r.copies;
    row["gbps"] = double(work.bytes) / 1e6 / ms;
    row["tflops"] = work.flops / 1e9 / ms;
    if (r.warm_time) row["warm_ms"] = r.warm_time->median;
    if (const auto least = roofs.ceiling_ms(b)) row["of_ceiling"] = *least / ms;
    if (const auto least = roofs.floor_ms(b)) row["of_floor"] = *least / ms;
    if (reference && reference != &r) row["ratio"] = reference->time.median / ms;
}

}  // namespace

std::optional<double> Roofs::ceiling_ms(const KernelBenchmark& b) const {
    const KernelWork work = kernel_work(b);
    const double copy = rate(ceilings, "copy");
    const double product = rate(ceilings, fmt::format("matrix product {}", precision_name(b)));
    if (copy == 0 || product == 0) return {};
    return 1e3 * std::max(double(work.bytes) / copy, work.flops / product);
}

std::optional<double> Roofs::floor_ms(const KernelBenchmark& b) const {
    const auto named = [this](const char* part) {
        return device_name.find(part) != std::string::npos;
    };
    if (!named("H200") || named("MIG")) return {};  // a slice has less than the data sheet says
    return h200_floor_ms(kernel_work(b));
}

double h200_floor_ms(const KernelWork& work) {
    const double flops = work.tensor_cores ? h200::tensor_flops : h200::flops;
    return 1e3 * std::max(work.flops / flops, double(work.bytes) / h200::bytes);
}

const KernelResult* reference_of(const std::vector<KernelResult>& results) {
    const KernelResult* best = nullptr;
    for (const KernelResult& r : results)
        if (r.reference() && r.skipped.empty() && (!best || r.time.median < best->time.median))
            best = &r;
    return best;
}

Json to_json(const KernelBenchmark& b, const std::vector<KernelResult>& results,
             const Roofs& roofs) {
    const KernelWork work = kernel_work(b);
    const KernelResult* reference = reference_of(results);
    Json rows = Json::array();
    for (const KernelResult& r : results) {
        Json row = {{"version", r.version}, {"name", r.name}};
        if (!r.idea.empty()) row["what"] = r.idea;
        if (!r.skipped.empty()) {
            row["skipped"] = r.skipped;
        } else {
            row["error"] = r.error;
            if (b.device == "sim")
                add_counts(row, r);
            else
                add_times(row, b, r, reference, roofs);
        }
        rows.push_back(row);
    }
    Json result = {{"kernel", b.kernel},
                   {"shape", shape_name(b)},
                   {"precision", precision_name(b)},
                   {"device", b.device},
                   {"bytes", work.bytes},
                   {"flops", work.flops},
                   {"tensor_cores", work.tensor_cores},
                   {"rows", rows}};
    if (!b.layer.empty()) result["layer"] = b.layer;
    return result;
}

void add_measurements(Json& report, const KernelBenchmark& b,
                      const std::vector<KernelResult>& results) {
    if (b.device == "sim") return;
    for (const KernelResult& r : results) {
        if (!r.skipped.empty()) continue;
        const std::string name = fmt::format("{} {}", case_name(b), r.name);
        add_measurement(report, name, r.time.samples);
        if (r.warm_time) add_measurement(report, name + " warm", r.warm_time->samples);
    }
}

}  // namespace sg
