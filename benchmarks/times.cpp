#include "benchmarks/times.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/error.h"

namespace sg {

namespace {

/// Of sorted values, between the two that are nearest to the place.
double quantile(const std::vector<double>& sorted, double share) {
    const double place = share * double(sorted.size() - 1);
    const auto below = size_t(place);
    const size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - double(below)) * (sorted[above] - sorted[below]);
}

double average_spread(const std::vector<Times>& times) {
    double sum = 0;
    for (const Times& t : times) sum += t.spread;
    return times.empty() ? 0 : sum / double(times.size());
}

std::vector<Times> measure(const std::vector<std::function<double()>>& things, int warmup,
                           int repeats) {
    std::vector<std::vector<double>> samples(things.size());
    for (int round = 0; round < warmup + repeats; ++round)
        for (size_t i = 0; i < things.size(); ++i) {
            const double value = things[i]();
            if (round >= warmup) samples[i].push_back(value);
        }
    std::vector<Times> times;
    for (const auto& of_one : samples) times.push_back(summarise(of_one));
    return times;
}

}  // namespace

Times summarise(const std::vector<double>& samples) {
    require(!samples.empty(), "benchmark", "no times to summarise");
    std::vector<double> sorted = samples;
    std::sort(sorted.begin(), sorted.end());
    const double low = quantile(sorted, 0.25), high = quantile(sorted, 0.75);
    constexpr double fence = 1.5;
    Times times{.median = quantile(sorted, 0.5), .min = sorted.front(), .max = sorted.back()};
    if (times.median != 0) times.spread = (high - low) / std::abs(times.median);
    for (const double value : sorted)
        times.outliers += value < low - fence * (high - low) || value > high + fence * (high - low);
    times.samples = samples;
    return times;
}

int runs_at_once(bool cpu, double ms) {
    const double enough_ms = cpu ? 2 : 0.5;
    return std::clamp(int(enough_ms / std::max(ms, 1e-3)), 1, 100);
}

Sampled sample_in_turns(const std::vector<std::function<double()>>& things,
                        const Sampling& sampling) {
    require(sampling.warmup >= 0 && sampling.repeats >= 1 && sampling.attempts >= 1, "benchmark",
            "{} repeats after {} to warm up, {} attempts", sampling.repeats, sampling.warmup,
            sampling.attempts);
    Sampled best;
    for (int attempt = 0; attempt < sampling.attempts; ++attempt) {
        const int warmup = attempt == 0 ? sampling.warmup : 0;
        std::vector<Times> times = measure(things, warmup, sampling.repeats);
        best.attempts = attempt + 1;
        const bool calm =
            std::ranges::all_of(times, [&](const Times& t) { return t.spread <= sampling.calm; });
        if (attempt == 0 || average_spread(times) < average_spread(best.times))
            best.times = std::move(times);
        if (calm) break;
    }
    return best;
}

}  // namespace sg
