#include <array>

#include "kernels/conv/matrix/few_results.h"
#include "kernels/conv/matrix/vector.h"

// Column j of a line of x meets grad_y's pixel q = j + pad - s by tap s: with a border of zeros
// around grad_y's line, every column meets all taps. A task has some lines of the batch, a row r of
// the kernel and 16 channels of x: its sums are `Taps` x K vectors, in registers.

namespace sg {

namespace {

#if defined(__AVX512F__)
constexpr int most_sums = 24;  // of 32 registers
#else
constexpr int most_sums = 12;  // of 16
#endif
constexpr int most_taps = 8;

/// Sums over the columns of a line: sums[t][k] += x[j] gradients[j - t][k] for t < Taps, where
/// gradients has a border.
template <bool Whole, int Taps, int K, class T>
void sum_line(const T* x, int64_t columns, int64_t step, int64_t channels, const float* gradients,
              float* sums) {
    Vector tile[Taps][K];
    for (int t = 0; t < Taps; ++t)
        for (int k = 0; k < K; ++k) tile[t][k] = load(sums + (t * K + k) * vector_floats);
    for (int64_t j = 0; j < columns; ++j) {
        const Vector pixel = load<Whole>(x + j * step, channels);
        for (int t = 0; t < Taps; ++t)
            for (int k = 0; k < K; ++k) tile[t][k] += pixel * gradients[(j - t) * K + k];
    }
    for (int t = 0; t < Taps; ++t)
        for (int k = 0; k < K; ++k) store_vector(sums + (t * K + k) * vector_floats, tile[t][k]);
}

template <class T>
using SumLine = void (*)(const T*, int64_t, int64_t, int64_t, const float*, float*);

/// sum_line for K results and 1 to most_taps taps.
template <bool Whole, int K, class T, size_t... I>
constexpr std::array<SumLine<T>, sizeof...(I)> of_taps(std::index_sequence<I...>) {
    return {sum_line<Whole, int(I) + 1, K, T>...};
}
template <bool Whole, class T>
SumLine<T> sum_line_for(int64_t taps, int64_t K) {
    using Taps = std::make_index_sequence<most_taps>;
    static constexpr std::array<std::array<SumLine<T>, most_taps>, 4> table = {
        of_taps<Whole, 1, T>(Taps()), of_taps<Whole, 2, T>(Taps()), of_taps<Whole, 3, T>(Taps()),
        of_taps<Whole, 4, T>(Taps())};
    return table[size_t(K - 1)][size_t(taps - 1)];
}

/// How the work is cut. Nothing here depends on the number of threads: nor do the bits.
struct Plan {
    FewResults f;
    int64_t taps;    ///< of a row of the kernel that are summed at a time
    int64_t chunks;  ///< of taps in a row
    int64_t channel_blocks, lines, slices, lines_per_slice;

    explicit Plan(const ConvShape& s) : f(few_forward(s)) {
        constexpr int64_t most_slices = 8, least_lines = 16;
        chunks = blocks(f.S, std::max<int64_t>(1, most_sums / f.K));
        taps = blocks(f.S, chunks);
        channel_blocks = blocks(f.C, vector_floats);
        lines = f.N * f.P;
        lines_per_slice = std::max(least_lines, blocks(lines, most_slices));
        slices = blocks(lines, lines_per_slice);
    }
    int64_t border() const { return f.S; }
};

/// grad_y's line, widened, with a border of zeros on either side.
template <class T>
const float* with_border(const Plan& plan, const T* line, float* memory) {
    const FewResults& f = plan.f;
    const int64_t border = plan.border() * f.K, count = f.Q * f.K;
    std::fill_n(memory, border, 0.0f);
    for (int64_t i = 0; i < count; ++i) memory[border + i] = float(line[i]);
    std::fill_n(memory + border + count, border, 0.0f);
    return memory + border;
}

/// A task's sums [S][K][channels of a vector] for row r of the kernel.
template <class T>
void sum_task(const Plan& plan, const ConvWgradArgs<T>& args, int64_t slice, int64_t r, int64_t c,
              float* out) {
    const FewResults& f = plan.f;
    std::fill_n(out, f.S * f.K * vector_floats, 0.0f);
    float* memory = thread_scratch(size_t((f.Q + 2 * plan.border()) * f.K));
    const int64_t end = std::min(plan.lines, (slice + 1) * plan.lines_per_slice);
    for (int64_t line = slice * plan.lines_per_slice; line < end; ++line) {
        const int64_t n = line / f.P, y = line % f.P + r - f.pad_y;
        if (y < 0 || y >= f.H) continue;
        const T* x = args.x + (n * f.H + y) * f.W * f.C + c;
        const float* gradients = with_border(plan, args.grad_y + line * f.Q * f.K, memory);
        // Columns of x that no tap of any pixel reads lie beyond the border.
        const int64_t first = std::max<int64_t>(0, -f.pad_x);
        const int64_t last = std::min(f.W, f.Q + f.S - 1 - f.pad_x);
        for (int64_t s = 0; s < f.S; s += plan.taps) {
            const int64_t taps = std::min(plan.taps, f.S - s);
            const bool whole = f.C - c >= vector_floats;
            const auto sum = whole ? sum_line_for<true, T> : sum_line_for<false, T>;
            sum(taps, f.K)(x + first * f.C, last - first, f.C, f.C - c,
                           gradients + (first + f.pad_x - s) * f.K, out + s * f.K * vector_floats);
        }
    }
}

/// Adds the slices' sums [r][channel block][s][k][lane] into grad_w [k][r][s][c].
void add_slices(const Plan& plan, const float* sums, int64_t slice_floats, float* grad_w) {
    const FewResults& f = plan.f;
    const float* of_slice = sums;
    for (int64_t r = 0; r < f.R; ++r)
        for (int64_t c = 0; c < f.C; c += vector_floats)
            for (int64_t s = 0; s < f.S; ++s)
                for (int64_t k = 0; k < f.K; ++k, of_slice += vector_floats)
                    for (int64_t i = 0; i < std::min<int64_t>(vector_floats, f.C - c); ++i) {
                        float sum = of_slice[i];
                        for (int64_t slice = 1; slice < plan.slices; ++slice)
                            sum += of_slice[slice * slice_floats + i];
                        grad_w[((k * f.R + r) * f.S + s) * f.C + c + i] = sum;
                    }
}

}  // namespace

template <class T>
void few_results_wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    const Plan plan(args.shape);
    const FewResults& f = plan.f;
    const int64_t task_floats = f.S * f.K * vector_floats;
    const int64_t tasks_per_slice = f.R * plan.channel_blocks;
    const int64_t slice_floats = tasks_per_slice * task_floats;
    auto* sums = static_cast<float*>(context.conv_cache().workspace(
        size_t(plan.slices * slice_floats) * sizeof(float), ConvCache::Buffer::sums));
    parallel_for(context, plan.slices * tasks_per_slice, [&](int64_t task) {
        const int64_t part = task % tasks_per_slice;
        sum_task(plan, args, task / tasks_per_slice, part / plan.channel_blocks,
                 part % plan.channel_blocks * vector_floats, sums + task * task_floats);
    });
    add_slices(plan, sums, slice_floats, args.grad_w);
}

template void few_results_wgrad(CpuContext&, const ConvWgradArgs<float>&);
template void few_results_wgrad(CpuContext&, const ConvWgradArgs<bf16>&);

}  // namespace sg
