#include "kernels/conv/matrix/conv_matrix.h"

#include "kernels/conv/conv_cache.h"
#include "kernels/conv/matrix/deep.h"
#include "kernels/conv/matrix/few_results.h"
#include "kernels/conv/matrix/target.h"

namespace sg {

namespace {

constexpr int64_t block_pixels = 4 * tile_rows;  // gathered and multiplied at a time
constexpr int64_t block_depth = 512;             // so that a panel's part stays in the L1 cache
constexpr int64_t block_columns = 256;           // of a task's sums

/// Columns of a panel: two vectors, or one where that is enough.
int panel_width(int64_t columns) {
    return columns <= vector_floats ? vector_floats : 2 * vector_floats;
}

/// Floats of the weights' panels.
size_t panel_floats(const Gather& g, int64_t columns) {
    const int64_t width = panel_width(columns);
    return size_t(blocks(columns, width) * width * g.depth());
}

/// One task's share: `columns` columns from `column` on, of the pixels [first, last).
template <class T, class Out>
void multiply_block(const Gather& g, const T* image, const float* panels, const Target<Out>& target,
                    int64_t first, int64_t last, int64_t column, int64_t columns) {
    const int width = panel_width(target.columns);
    const int64_t padded = blocks(columns, width) * width, depth = g.depth();
    float* sums = thread_scratch(size_t(block_pixels * (padded + block_depth)));
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

/// Runs the form for few results (few_results.h) of a pass whose plain gather is `g`: its taps come
/// in the order in which the pass meets them.
template <class T, class Out>
void sum_few(CpuContext& context, ConvPass pass, const ConvShape& s, const Gather& g,
             const FewResults& f, const T* image, const Weights& weights, uint64_t version,
             const Target<Out>& target) {
    const int64_t channels = f.padded_channels(), taps = f.R * f.S;
    const float* laid_out = context.conv_cache().panels(
        {pass, s, sizeof(T) == 2, ConvCache::Layout::few, weights.w}, version,
        [&](std::vector<float>& memory) {
            memory.assign(size_t(f.K * taps * channels), 0.0f);
            for (int64_t k = 0; k < f.K; ++k)
                for (const Gather::Tap& tap : g.taps) {
                    const int64_t r = tap.dy + f.pad_y, at = tap.dx + f.pad_x;
                    const float* from = weights.w + tap.r * weights.tap_row +
                                        tap.s * weights.tap_step + k * weights.column_step;
                    float* to = &memory[size_t((k * taps + r * f.S + at) * channels)];
                    for (int64_t d = 0; d < f.C; ++d) to[d] = T(from[d * weights.depth_step]);
                }
        });
    few_results(context, f, image, laid_out, target);
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
    if (is_deep(s)) return deep_conv_forward(context, args);
    const Gather g = forward_gather(s);
    const Weights weights{args.w, s.S * s.C, s.C, 1, s.R * s.S * s.C};
    const Target<Out> target{
        args.y, s.P(), s.Q(), s.K, 0, 0, 1, args.epilogue.bias, args.epilogue.slope};
    if (has_few_results(s, s.K))
        return sum_few(context, ConvPass::forward, s, g, few_forward(s), args.x, weights,
                       args.weight_version, target);
    const float* panels = context.conv_cache().panels(
        {ConvPass::forward, s, sizeof(T) == 2, ConvCache::Layout::taps, args.w},
        args.weight_version, [&](std::vector<float>& memory) {
            memory.resize(panel_floats(g, s.K));
            lay_out<T>(context, g, s.K, weights, memory.data());
        });
    multiply(context, g, args.x, panels, target);
}

template <class T, class Out>
void matrix_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    if (is_deep(s)) return deep_conv_dgrad(context, args);
    const std::vector<Gather> gathers = dgrad_gathers(s);
    const Weights weights{args.w, s.S * s.C, s.C, s.R * s.S * s.C, 1};
    const Target<Out> target{args.grad_x, s.H, s.W, s.C, 0, 0, s.stride, nullptr, 1};
    if (has_few_results(s, s.C))
        return sum_few(context, ConvPass::dgrad, s, gathers[0], few_dgrad(s), args.grad_y, weights,
                       args.weight_version, target);
    const float* panels = context.conv_cache().panels(
        {ConvPass::dgrad, s, sizeof(T) == 2, ConvCache::Layout::taps, args.w}, args.weight_version,
        [&](std::vector<float>& memory) {
            size_t floats = 0;
            for (const Gather& g : gathers) floats += panel_floats(g, s.C);
            memory.resize(floats);
            float* end = memory.data();
            for (const Gather& g : gathers) end = lay_out<T>(context, g, s.C, weights, end);
        });
    for (size_t i = 0; i < gathers.size(); ++i) {
        Target<Out> part = target;
        const int64_t across = std::min(s.stride, s.W);
        part.a = int64_t(i) / across, part.b = int64_t(i) % across;
        multiply(context, gathers[i], args.grad_y, panels, part);
        panels += panel_floats(gathers[i], s.C);
    }
}

#define SG_INSTANTIATE(T, Out)                                                      \
    template void matrix_conv_forward(CpuContext&, const ConvForwardArgs<T, Out>&); \
    template void matrix_conv_dgrad(CpuContext&, const ConvDgradArgs<T, Out>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)

}  // namespace sg
