#include "kernels/conv/matrix/deep.h"

#include "kernels/conv/matrix/product.h"
#include "kernels/conv/matrix/target.h"

namespace sg {

namespace {

constexpr int64_t block_pixels = 240;  // whose part of the gathered rows stays in the L2 cache
constexpr int64_t block_depth = 1024;

typedef float Vector
    __attribute__((vector_size(vector_floats * sizeof(float)), aligned(4), may_alias));

/// sums[i * sums_row + j] += sum over d of a[i * a_row + d] b[j * b_row + d], i < Rows, j <
/// Columns: both operands lie along d, so each pair has a vector of sums of its own. depth: a
/// multiple of vector_floats.
template <int Rows, int Columns>
void dot_tile(const float* a, int64_t a_row, const float* b, int64_t b_row, int64_t depth,
              float* sums, int64_t sums_row) {
    Vector tile[Rows][Columns] = {};
    for (int64_t d = 0; d < depth; d += vector_floats) {
        Vector column[Columns];
        for (int j = 0; j < Columns; ++j)
            column[j] = *reinterpret_cast<const Vector*>(b + j * b_row + d);
        for (int i = 0; i < Rows; ++i) {
            const Vector row = *reinterpret_cast<const Vector*>(a + i * a_row + d);
            for (int j = 0; j < Columns; ++j) tile[i][j] += row * column[j];
        }
    }
    for (int i = 0; i < Rows; ++i)
        for (int j = 0; j < Columns; ++j) {
            float sum = 0;
            for (int v = 0; v < vector_floats; ++v) sum += tile[i][j][v];
            sums[i * sums_row + j] += sum;
        }
}

constexpr int dot_rows = tile_rows / 2, dot_columns = 4;

/// The same for any number of rows and columns.
void dot_block(int64_t rows, int64_t columns, const float* a, int64_t a_row, const float* b,
               int64_t b_row, int64_t depth, float* sums, int64_t sums_row) {
    for (int64_t j = 0; j < columns; j += dot_columns)
        for (int64_t i = 0; i < rows; i += dot_rows) {
            const float *a_tile = a + i * a_row, *b_tile = b + j * b_row;
            float* to = sums + i * sums_row + j;
            if (rows - i >= dot_rows && columns - j >= dot_columns) {
                dot_tile<dot_rows, dot_columns>(a_tile, a_row, b_tile, b_row, depth, to, sums_row);
                continue;
            }
            for (int64_t p = 0; p < std::min<int64_t>(dot_rows, rows - i); ++p)
                for (int64_t q = 0; q < std::min<int64_t>(dot_columns, columns - j); ++q)
                    dot_tile<1, 1>(a_tile + p * a_row, a_row, b_tile + q * b_row, b_row, depth,
                                   to + p * sums_row + q, sums_row);
        }
}

/// A task of forward: pixels [first, last) and channels [begin, end) of y. Gathered rows meet the
/// rows of w, which have the same order; what is missing to whole vectors is zero in both.
template <class T, class Out>
void forward_task(const Gather& g, const ConvForwardArgs<T, Out>& args, const Target<Out>& target,
                  int64_t first, int64_t last, int64_t begin, int64_t end) {
    const int64_t depth = g.depth(), pixels = last - first, columns = end - begin;
    float* rows = thread_scratch(size_t(block_depth * (pixels + columns) + pixels * columns));
    float *weights = rows + block_depth * pixels, *sums = weights + block_depth * columns;
    std::fill_n(sums, pixels * columns, 0.0f);
    for (int64_t d = 0; d < depth; d += block_depth) {
        const int64_t count = std::min(block_depth, depth - d);
        const int64_t padded = blocks(count, vector_floats) * vector_floats;
        if (padded > count) zero_rows(rows, padded, pixels, padded);
        gather_rows(g, args.x, first, last, d, d + count, rows, padded);
        const float* w = args.w + begin * depth + d;
        const bool as_they_are = std::is_same_v<T, float> && padded == count;
        if (!as_they_are) {
            zero_rows(weights, padded, columns, padded);
            for (int64_t k = 0; k < columns; ++k)
                for (int64_t e = 0; e < count; ++e) weights[k * padded + e] = T(w[k * depth + e]);
        }
        dot_block(pixels, columns, rows, padded, as_they_are ? w : weights,
                  as_they_are ? depth : padded, padded, sums, columns);
    }
    for (int64_t m = first; m < last; ++m)
        target.write(g, m, begin, columns, sums + (m - first) * columns);
}

/// A task of dgrad: pixels [first, last) and channels [begin, end) of x, of those that `g` reads
/// for. Along a channel of grad_y and a tap, w's channels lie side by side: rows of a product's
/// second operand, copied together as they are met.
template <class T, class Out>
void dgrad_task(const Gather& g, const ConvDgradArgs<T, Out>& args, const Target<Out>& target,
                int64_t first, int64_t last, int64_t begin, int64_t end) {
    constexpr int64_t width = 2 * vector_floats;
    const ConvShape& s = args.shape;
    const int64_t depth = g.depth(), pixels = last - first;
    const int64_t panels = blocks(end - begin, width), padded = panels * width;
    float* rows = thread_scratch(size_t(block_depth * (pixels + padded) + pixels * padded));
    float *weights = rows + block_depth * pixels, *sums = weights + block_depth * padded;
    std::fill_n(sums, pixels * padded, 0.0f);
    for (int64_t d = 0; d < depth; d += block_depth) {
        const int64_t d_end = std::min(depth, d + block_depth), count = d_end - d;
        gather_rows(g, args.grad_y, first, last, d, d_end, rows, count);
        if (end - begin < padded) zero_rows(weights, width, panels * count, width);
        for (int64_t e = 0; e < count; ++e) {
            const Gather::Tap& tap = g.taps[size_t((d + e) / g.C)];
            const float* w = args.w + (((d + e) % g.C * s.R + tap.r) * s.S + tap.s) * s.C + begin;
            for (int64_t p = 0; p < panels; ++p) {
                float* to = weights + (p * count + e) * width;
                const int64_t channels = std::min(width, end - begin - p * width);
                for (int64_t c = 0; c < channels; ++c) to[c] = T(w[p * width + c]);
            }
        }
        for (int64_t p = 0; p < panels; ++p)
            product_rows(pixels, int(width), rows, count, 1, weights + p * count * width, width,
                         count, sums + p * width, padded);
    }
    for (int64_t m = first; m < last; ++m)
        target.write(g, m, begin, end - begin, sums + (m - first) * padded);
}

/// task(first pixel, last, first channel, last), for all of g's pixels and `channels` channels.
template <class Task>
void for_each_task(CpuContext& context, const Gather& g, int64_t channels, const Task& task) {
    constexpr int64_t task_channels = 64;
    const int64_t pixel_blocks = blocks(g.pixels(), block_pixels);
    const int64_t pixels = blocks(g.pixels(), pixel_blocks);
    parallel_for(context, pixel_blocks * blocks(channels, task_channels), [&](int64_t i) {
        const int64_t first = i % pixel_blocks * pixels, begin = i / pixel_blocks * task_channels;
        if (first < g.pixels())
            task(first, std::min(g.pixels(), first + pixels), begin,
                 std::min(channels, begin + task_channels));
    });
}

}  // namespace

template <class T, class Out>
void deep_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    const Gather g = forward_gather(s);
    const Target<Out> target{
        args.y, s.P(), s.Q(), s.K, 0, 0, 1, args.epilogue.bias, args.epilogue.slope};
    for_each_task(context, g, s.K, [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
        forward_task(g, args, target, first, last, begin, end);
    });
}

template <class T, class Out>
void deep_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    for (int64_t a = 0; a < std::min(s.stride, s.H); ++a)
        for (int64_t b = 0; b < std::min(s.stride, s.W); ++b) {
            const Gather g = dgrad_gather(s, a, b);
            const Target<Out> target{args.grad_x, s.H, s.W, s.C, a, b, s.stride, nullptr, 1};
            for_each_task(context, g, s.C,
                          [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
                              dgrad_task(g, args, target, first, last, begin, end);
                          });
        }
}

#define SG_INSTANTIATE(T, Out)                                                    \
    template void deep_conv_forward(CpuContext&, const ConvForwardArgs<T, Out>&); \
    template void deep_conv_dgrad(CpuContext&, const ConvDgradArgs<T, Out>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)

}  // namespace sg
