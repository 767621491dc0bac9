#include <atomic>

#include "kernels/common/lanes.h"
#include "kernels/common/piece.h"
#include "kernels/reduce/reduce.h"

namespace sg {

namespace {

// Rows that one task of sum_channels adds: a constant, so partial sums are too.
constexpr int64_t channel_sum_rows = 512;

}  // namespace

int64_t sum_workspace(int64_t rows, int64_t columns) {
    static_assert(device_piece <= chunk_elements);
    return std::max({rows * pieces_of(columns, device_piece),
                     columns * pieces_of(rows, channel_sum_rows),
                     columns * pieces_of(rows, device_piece_rows(rows))});
}

template <class T>
void sum_rows(CpuContext& context, const SumArgs<T>& args) {
    const int64_t chunks = pieces_of(args.columns, chunk_elements);
    parallel_for(context, args.rows * chunks, [&](int64_t i) {
        const int64_t row = i / chunks, begin = i % chunks * chunk_elements;
        const T* x = args.x + row * args.columns;
        args.workspace[i] =
            sum_in_lanes<acc_t<T>>(begin, std::min(begin + chunk_elements, args.columns),
                                   [x](int64_t c) { return acc_t<T>(x[c]); });
    });
    for (int64_t row = 0; row < args.rows; ++row) {
        args.y[row] = 0;
        for (int64_t c = 0; c < chunks; ++c) args.y[row] += args.workspace[row * chunks + c];
    }
}

template <class T>
void sum_channels(CpuContext& context, const SumArgs<T>& args) {
    const int64_t columns = args.columns, chunks = pieces_of(args.rows, channel_sum_rows);
    parallel_for(context, chunks, [&](int64_t i) {
        acc_t<T>* partial = args.workspace + i * columns;
        for (int64_t c = 0; c < columns; ++c) partial[c] = 0;
        const int64_t end = std::min(args.rows, (i + 1) * channel_sum_rows);
        for (int64_t r = i * channel_sum_rows; r < end; ++r)
            for (int64_t c = 0; c < columns; ++c) partial[c] += acc_t<T>(args.x[r * columns + c]);
    });
    for (int64_t c = 0; c < columns; ++c) args.y[c] = 0;
    for (int64_t i = 0; i < chunks; ++i)
        for (int64_t c = 0; c < columns; ++c) args.y[c] += args.workspace[i * columns + c];
}

template <class T>
void find_non_finite(CpuContext& context, const NonFiniteArgs<T>& args) {
    const auto [count, x, number, report] = args;
    if (report->halted) return;
    std::atomic<bool> found = false;
    parallel_chunks(context, count, [=, &found](int64_t begin, int64_t end) {
        // x - x is 0 for a finite x and NaN otherwise; NaN survives the sum.
        const auto sum = sum_in_lanes<acc_t<T>>(
            begin, end, [x = x](int64_t i) { return acc_t<T>(x[i]) - acc_t<T>(x[i]); });
        if (!(sum == 0)) found = true;
    });
    if (found) report->tensor = std::min(report->tensor, number);
}

void end_check(CpuContext&, FiniteReport* report) {
    if (report->halted) return;
    if (report->tensor == FiniteReport::none)
        ++report->checks;
    else
        report->halted = 1;
}

#define SG_INSTANTIATE(T)                                       \
    template void sum_rows(CpuContext&, const SumArgs<T>&);     \
    template void sum_channels(CpuContext&, const SumArgs<T>&); \
    template void find_non_finite(CpuContext&, const NonFiniteArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
SG_INSTANTIATE(double)

}  // namespace sg
