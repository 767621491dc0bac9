#pragma once

#include <functional>
#include <vector>

namespace sg {

/// Measurements of one thing, usually milliseconds, and what they come to.
struct Times {
    double median = 0, min = 0, max = 0;
    double spread = 0;  ///< distance of the quartiles, in units of the median
    int outliers = 0;   ///< further from the quartiles than 1.5 times that distance (Tukey 1977)
    std::vector<double> samples = {};  ///< in the order in which they were taken
};

/// Throws Error without samples.
Times summarise(const std::vector<double>& samples);

/// How often to measure.
struct Sampling {
    int warmup = 3;      ///< rounds that do not count
    int repeats = 20;    ///< rounds that do
    int attempts = 3;    ///< if something spreads too far, all are measured again, so often
    double calm = 0.05;  ///< the spread that is good enough
};

/// How often what takes `ms` milliseconds is run for one measurement, at most 100 times: so that
/// not the clock is measured, nor on a GPU the host's launches.
int runs_at_once(bool cpu, double ms);

/// Several things, each of which returns a measurement of itself, measured in turns, so that what
/// disturbs the machine for a while disturbs them all. Of several attempts the one with the least
/// spread counts, on average over all things: their ratios come from one attempt.
struct Sampled {
    std::vector<Times> times;  ///< one per thing
    int attempts = 0;          ///< that were made
};
Sampled sample_in_turns(const std::vector<std::function<double()>>& things,
                        const Sampling& sampling);

}  // namespace sg
