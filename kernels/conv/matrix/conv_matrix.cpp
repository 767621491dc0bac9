#include "kernels/conv/matrix/conv_matrix.h"

#include "kernels/conv/conv_cache.h"
#include "kernels/conv/matrix/gather.h"
#include "kernels/conv/matrix/product.h"

namespace sg {

namespace {

constexpr int64_t block_pixels = 4 * tile_rows;  // gathered and multiplied at a time
constexpr int64_t block_depth = 512;             // so that a panel's part stays in the L1 cache
constexpr int64_t block_columns = 256;           // of a task's sums
constexpr int64_t wgrad_pixels = 256, wgrad_columns = 4 * vector_floats;

int64_t blocks(int64_t count, int64_t block) {
    return (count + block - 1) / block;
}

/// Columns of a panel: two vectors, or one where that is enough.
int panel_width(int64_t columns) {
    return columns <= vector_floats ? vector_floats : 2 * vector_floats;
}

/// Floats of the weights' panels.
size_t panel_floats(const Gather& g, int64_t columns) {
    const int64_t width = panel_width(columns);
    return size_t(blocks(columns, width) * width * g.depth());
}

/// A thread's own memory; what it held is lost.
float* scratch(size_t floats) {
    thread_local std::vector<float> memory;
    if (memory.size() < floats) memory.resize(floats);
    return memory.data();
}

/// Where a product's results go: pixel (i, j) of image n to pixel (a + stride i, b + stride j).
template <class Out>
struct Target {
    Out* out;
    int64_t H, W, columns;
    int64_t a, b, stride;
    const float* bias;
    float slope;

    void write(const Gather& g, int64_t m, int64_t column, int64_t count, const float* sums) const {
        const int64_t j = m % g.columns, i = m / g.columns % g.rows, n = m / (g.columns * g.rows);
        Out* to = out + ((n * H + a + i * stride) * W + b + j * stride) * columns + column;
        for (int64_t k = 0; k < count; ++k) {
            const float v = bias ? sums[k] + bias[column + k] : sums[k];
            store(to[k], v > 0 ? v : v * slope);
        }
    }
};

/// One task's share: `columns` columns from `column` on, of the pixels [first, last).
template <class T, class Out>
void multiply_block(const Gather& g, const T* image, const float* panels, const Target<Out>& target,
                    int64_t first, int64_t last, int64_t column, int64_t columns) {
    const int width = panel_width(target.columns);
    const int64_t padded = blocks(columns, width) * width, depth = g.depth();
    float* sums = scratch(size_t(block_pixels * (padded + block_depth)));
    float* rows = sums + block_pixels * padded;
    std::fill_n(sums, block_pixels * padded, 0.0f);
    for (int64_t begin = 0; begin < depth; begin += block_depth) {
        const int64_t end = std::min(depth, begin + block_depth);
        gather_rows(g, image, first, last, begin, end, rows, end - begin);
        for (int64_t p = 0; p < padded; p += width)
            product_rows(last - first, width, rows, end - begin, 1,
                         panels + (column + p) * depth + begin * width, width, end - begin,
                         sums + p, padded);
    }
    for (int64_t m = first; m < last; ++m)
        target.write(g, m, column, columns, sums + (m - first) * padded);
}

template <class T, class Out>
void multiply(CpuContext& context, const Gather& g, const T* image, const float* panels,
              const Target<Out>& target) {
    const int64_t pixel_blocks = blocks(g.pixels(), block_pixels);
    const int64_t column_blocks = blocks(target.columns, block_columns);
    parallel_for(context, pixel_blocks * column_blocks, [&](int64_t task) {
        const int64_t first = task / column_blocks * block_pixels;
        const int64_t column = task % column_blocks * block_columns;
        multiply_block(g, image, panels, target, first, std::min(g.pixels(), first + block_pixels),
                       column, std::min(block_columns, target.columns - column));
    });
}

/// A pass's weights: what row element (tap, d) is multiplied with for a column.
struct Weights {
    const float* w;
    int64_t tap_row;  ///< from w[.., r, s, ..] to the next r
    int64_t tap_step, depth_step, column_step;
};

/// Panels of `columns` columns from `out` on: `width` columns side by side for one (tap, d) after
/// another; zero behind the last column. Returns their end.
template <class T>
float* lay_out(CpuContext& context, const Gather& g, int64_t columns, const Weights& weights,
               float* out) {
    const int64_t width = panel_width(columns), panel = width * g.depth();
    parallel_for(context, blocks(columns, width), [&](int64_t p) {
        float* to = out + p * panel;
        const int64_t first = p * width, count = std::min(width, columns - first);
        if (count < width) std::fill_n(to, panel, 0.0f);
        for (const Gather::Tap& tap : g.taps) {
            const float* from = weights.w + tap.r * weights.tap_row + tap.s * weights.tap_step +
                                first * weights.column_step;
            // The inner loop goes along what lies side by side in w.
            const bool by_column = weights.column_step == 1;
            const int64_t outer = by_column ? g.C : count, inner = by_column ? count : g.C;
            for (int64_t i = 0; i < outer; ++i)
                for (int64_t j = 0; j < inner; ++j) {
                    const int64_t d = by_column ? i : j, k = by_column ? j : i;
                    to[d * width + k] = T(from[d * weights.depth_step + k * weights.column_step]);
                }
            to += g.C * width;
        }
    });
    return out + blocks(columns, width) * panel;
}

/// The pixels of x that dgrad computes together: one gather for each remainder by the stride.
std::vector<Gather> dgrad_gathers(const ConvShape& s) {
    std::vector<Gather> all;
    for (int64_t a = 0; a < std::min(s.stride, s.H); ++a)
        for (int64_t b = 0; b < std::min(s.stride, s.W); ++b) all.push_back(dgrad_gather(s, a, b));
    return all;
}

}  // namespace

template <class T, class Out>
void matrix_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    const Gather g = forward_gather(s);
    const Weights weights{args.w, s.S * s.C, s.C, 1, s.R * s.S * s.C};
    const float* panels =
        context.conv_cache().panels({ConvPass::forward, s, sizeof(T) == 2, args.w},
                                    args.weight_version, [&](std::vector<float>& memory) {
                                        memory.resize(panel_floats(g, s.K));
                                        lay_out<T>(context, g, s.K, weights, memory.data());
                                    });
    multiply(
        context, g, args.x, panels,
        Target<Out>{args.y, s.P(), s.Q(), s.K, 0, 0, 1, args.epilogue.bias, args.epilogue.slope});
}

template <class T, class Out>
void matrix_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    const std::vector<Gather> gathers = dgrad_gathers(s);
    const Weights weights{args.w, s.S * s.C, s.C, s.R * s.S * s.C, 1};
    const float* panels =
        context.conv_cache().panels({ConvPass::dgrad, s, sizeof(T) == 2, args.w},
                                    args.weight_version, [&](std::vector<float>& memory) {
                                        size_t floats = 0;
                                        for (const Gather& g : gathers)
                                            floats += panel_floats(g, s.C);
                                        memory.resize(floats);
                                        float* end = memory.data();
                                        for (const Gather& g : gathers)
                                            end = lay_out<T>(context, g, s.C, weights, end);
                                    });
    for (size_t i = 0; i < gathers.size(); ++i) {
        const int64_t across = std::min(s.stride, s.W);
        multiply(context, gathers[i], args.grad_y, panels,
                 Target<Out>{args.grad_x, s.H, s.W, s.C, int64_t(i) / across, int64_t(i) % across,
                             s.stride, nullptr, 1});
        panels += panel_floats(gathers[i], s.C);
    }
}

namespace {

/// One task of wgrad: the sums over the pixels [first, last) for every k and the elements
/// [begin, end) of a gathered row.
template <class T>
void multiply_wgrad(const Gather& g, const ConvWgradArgs<T>& args, int64_t first, int64_t last,
                    int64_t begin, int64_t end, float* grad_w) {
    const int64_t K = args.shape.K, count = end - begin;
    const int width = panel_width(count);
    const int64_t padded = blocks(count, width) * width;
    float* sums = scratch(size_t(K * padded + wgrad_pixels * (padded + K)));
    float *rows = sums + K * padded, *grad_y = rows + wgrad_pixels * padded;
    std::fill_n(sums, K * padded + wgrad_pixels * padded, 0.0f);
    for (int64_t m = first; m < last; m += wgrad_pixels) {
        const int64_t pixels = std::min(wgrad_pixels, last - m);
        gather_rows(g, args.x, m, m + pixels, begin, end, rows, padded);
        const float* a = grad_y;
        if constexpr (std::is_same_v<T, float>)
            a = args.grad_y + m * K;
        else
            for (int64_t i = 0; i < pixels * K; ++i) grad_y[i] = float(args.grad_y[m * K + i]);
        for (int64_t p = 0; p < padded; p += width)
            product_rows(K, width, a, 1, K, rows + p, padded, pixels, sums + p, padded);
    }
    for (int64_t k = 0; k < K; ++k)
        std::copy_n(sums + k * padded, count, grad_w + k * g.depth() + begin);
}

}  // namespace

template <class T>
void matrix_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    const Gather g = forward_gather(args.shape);
    const int64_t depth = g.depth(), size = args.shape.w_size();
    // Few columns are few tasks: then the pixels are shared out as well, in a way that depends on
    // the shape alone, and the shares' sums are added in order.
    constexpr int64_t enough_tasks = 16, most_slices = 8;
    const int64_t column_blocks = blocks(depth, wgrad_columns);
    const int64_t pixel_blocks = blocks(g.pixels(), wgrad_pixels);
    const int64_t wanted = std::min(most_slices, blocks(enough_tasks, column_blocks));
    const int64_t slice = blocks(pixel_blocks, std::min(wanted, pixel_blocks)) * wgrad_pixels;
    const int64_t slices = blocks(g.pixels(), slice);
    float* partial = slices == 1 ? args.grad_w
                                 : static_cast<float*>(context.conv_cache().workspace(
                                       size_t(slices * size) * sizeof(float)));
    parallel_for(context, slices * column_blocks, [&](int64_t task) {
        const int64_t first = task / column_blocks * slice;
        const int64_t begin = task % column_blocks * wgrad_columns;
        multiply_wgrad(g, args, first, std::min(g.pixels(), first + slice), begin,
                       std::min(depth, begin + wgrad_columns),
                       partial + task / column_blocks * size);
    });
    if (slices == 1) return;
    parallel_chunks(context, size, [&](int64_t begin, int64_t end) {
        for (int64_t e = begin; e < end; ++e) {
            float sum = partial[e];
            for (int64_t i = 1; i < slices; ++i) sum += partial[i * size + e];
            args.grad_w[e] = sum;
        }
    });
}

#define SG_INSTANTIATE(T, Out)                                                      \
    template void matrix_conv_forward(CpuContext&, const ConvForwardArgs<T, Out>&); \
    template void matrix_conv_dgrad(CpuContext&, const ConvDgradArgs<T, Out>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)
template void matrix_conv_wgrad(CpuContext&, const ConvWgradArgs<float>&);
template void matrix_conv_wgrad(CpuContext&, const ConvWgradArgs<bf16>&);

}  // namespace sg
