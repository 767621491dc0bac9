#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/instance_norm/cpu_runs.h"

namespace sg {

/// sums[k][j] = sum of term(m, j)[k] over the pixels of a run: four partial sums in turns, so that
/// an addition need not wait for the one before.
template <int terms, class A, class Width, class Term>
void add_up(int64_t m, int64_t m_end, Width width, Lanes<A> (&sums)[terms], const Term& term) {
    constexpr int ways = 4;
    Lanes<A> partial[ways][terms];
    const auto add = [&](int64_t pixel, Lanes<A>(&to)[terms]) {
        for (int j = 0; j < width; ++j) {
            A values[terms];
            term(pixel, j, values);
            for (int k = 0; k < terms; ++k) to[k][j] += values[k];
        }
    };
    for (; m + ways <= m_end; m += ways)
        for (int way = 0; way < ways; ++way) add(m + way, partial[way]);
    for (; m < m_end; ++m) add(m, partial[0]);
    for (int k = 0; k < terms; ++k)
        for (int j = 0; j < width; ++j)
            sums[k][j] =
                (partial[0][k][j] + partial[1][k][j]) + (partial[2][k][j] + partial[3][k][j]);
}

/// Sums over the pixels of an image for each channel of a share. Runs are added up in A, the runs
/// in double: an f32 sum over a large image would lose two digits of the statistics.
template <int terms>
class Totals {
  public:
    Totals(int64_t c_begin, int64_t c_end)
        : begin_(c_begin), channels_(c_end - c_begin), sums_(size_t(terms * channels_)) {}

    double operator()(int64_t c, int k) const { return sums_[size_t(k * channels_ + c - begin_)]; }

    /// Adds term(m, j)[k] for the pixels m of a run and the channels c + j of a slab.
    template <class A, class Width, class Term>
    void add(int64_t m, int64_t m_end, int64_t c, Width width, const Term& term) {
        Lanes<A> of_run[terms];
        add_up(m, m_end, width, of_run, term);
        for (int k = 0; k < terms; ++k) {
            double* sums = sums_.data() + (k * channels_ + c - begin_);
            for (int j = 0; j < width; ++j) sums[j] += double(of_run[k][j]);
        }
    }

  private:
    int64_t begin_, channels_;
    std::vector<double> sums_;  ///< [term, channel]
};

/// Means, and sums of squared distances from them, over an image for each channel of a share. A run
/// is read twice, for its mean and for the distances from it, the second time out of the
/// first-level cache; the image only once.
template <class A>
struct Moments {
    int64_t begin;
    std::vector<double> mean, squares;

    template <class T>
    Moments(const T* x, int64_t M, int64_t C, int64_t c_begin, int64_t c_end)
        : begin(c_begin), mean(size_t(c_end - c_begin)), squares(mean.size()) {
        for_each_run(M, c_begin, c_end, [&](int64_t m, int64_t m_end, int64_t c, auto width) {
            const T* at = x + c;
            Lanes<A> mean_of_run[1], squares_of_run[1];
            add_up(m, m_end, width, mean_of_run,
                   [&](int64_t pixel, int j, A* t) { t[0] = A(at[pixel * C + j]); });
            for (int j = 0; j < width; ++j) mean_of_run[0][j] /= A(m_end - m);
            add_up(m, m_end, width, squares_of_run, [&](int64_t pixel, int j, A* t) {
                const A d = A(at[pixel * C + j]) - mean_of_run[0][j];
                t[0] = d * d;
            });
            add(double(m), double(m_end - m), c, width, mean_of_run[0], squares_of_run[0]);
        });
    }

    /// To `seen` pixels `added` more (Chan, Golub and LeVeque 1983; README.md).
    template <class Width>
    void add(double seen, double added, int64_t c, Width width, const Lanes<A>& run_mean,
             const Lanes<A>& run_squares) {
        const double share = added / (seen + added), weight = seen * share;
        double *to_mean = mean.data() + (c - begin), *to_squares = squares.data() + (c - begin);
        for (int j = 0; j < width; ++j) {
            const double delta = double(run_mean[j]) - to_mean[j];
            to_mean[j] += delta * share;
            to_squares[j] += double(run_squares[j]) + delta * delta * weight;
        }
    }
};

}  // namespace sg
