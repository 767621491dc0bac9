#include "kernels/conv/conv_cache.h"
#include "kernels/conv/matrix/gather.h"
#include "kernels/conv/winograd/tiles.h"
#include "kernels/conv/winograd/winograd.h"

// forward and dgrad, which is forward of grad_y with the weights turned by half a circle. A task
// has some tiles: it transforms what they read, at each of the 36 points multiplies tiles x
// channels with channels x a panel of results, transforms back and writes, panel after panel.

namespace sg {

using namespace winograd;

namespace {

constexpr int all_points = points * points;
/// Floats of a task's transformed pixels: half of a 2 MB L2 cache.
constexpr int64_t task_floats = 256 * 1024;
/// Transformed weights up to this size are kept for as long as they do not change. Larger ones take
/// four times the memory of the weights, and are made again in little of the time of their
/// products.
constexpr int64_t kept_floats = 256 * 1024;

/// Results side by side in a panel.
int64_t panel_width(int64_t channels) {
    return channels % (2 * vector_floats) == 0 ? 2 * vector_floats : vector_floats;
}

/// A pass's weights: g[r][s] of input channel d and output channel k is
/// w[r * line + s * pixel + d * in + k * out], from the last tap back if `turned`.
struct Weights {
    const float* w;
    int64_t line, pixel, in, out;
    bool turned;
};

/// Tap (r, s) of `vector_floats` output channels from k on, for input channel d.
template <class T>
Vector read_tap(const Weights& weights, int r, int s, int64_t d, int64_t k) {
    const int64_t line = weights.turned ? taps - 1 - r : r;
    const int64_t pixel = weights.turned ? taps - 1 - s : s;
    const float* from =
        weights.w + line * weights.line + pixel * weights.pixel + d * weights.in + k * weights.out;
    float lanes[vector_floats];
    for (int i = 0; i < vector_floats; ++i) lanes[i] = T(from[i * weights.out]);
    return load(lanes);
}

/// out[panel][point][d][width]: G g G^T of all channels.
template <class T>
void lay_out(CpuContext& context, const Weights& weights, int64_t depth, int64_t channels,
             float* out) {
    const int64_t width = panel_width(channels), vectors = width / vector_floats;
    parallel_for(context, channels / vector_floats, [&](int64_t v) {
        float* panel = out + v / vectors * all_points * depth * width + v % vectors * vector_floats;
        for (int64_t d = 0; d < depth; ++d)
            map_square<WeightsToPoints>(
                [&](int r, int s) { return read_tap<T>(weights, r, s, d, v * vector_floats); },
                [&](int i, int j, const Vector& u) {
                    store_vector(panel + ((i * points + j) * depth + d) * width, u);
                });
    });
}

/// Where results go.
template <class T, class Out>
struct Target {
    Out* out;
    int64_t H, W, channels;
    const ConvEpilogue<T>& epilogue;

    void write(const Vector& sums, int64_t pixel, int64_t k) const {
        const ConvEpilogue<T>& e = epilogue;
        const int64_t at = pixel * channels + k;
        Vector v = sums;
        if (e.bias) v += load(e.bias + k);
        if (e.slope != 1) v = v > 0 ? v : v * e.slope;
        if (e.mask) v = load(e.mask + at) > 0 ? v : v * e.mask_slope;
        if (e.residual) v += load(e.residual + at);
        store_vector(out + at, v);
    }
};

/// From sums[point][..], for a vector of the tile's results: A^T m A, to its pixels.
template <class T, class Out>
void write_tile(const Target<T, Out>& target, const Tiles::Place& at, int64_t k, const float* sums,
                int64_t point_floats) {
    map_square<PointsToOutputs>(
        [&](int i, int j) { return load(sums + (i * points + j) * point_floats); },
        [&](int u, int v, const Vector& y) {
            if (at.y + u < target.H && at.x + v < target.W)
                target.write(y, (at.n * target.H + at.y + u) * target.W + at.x + v, k);
        });
}

/// A task: tiles [first, last). `read` and `written` are the same tiles of the image that is read
/// and of the result.
template <class T, class Out>
void compute(const Tiles& read, const T* image, const Tiles& written, const float* panels,
             const Target<T, Out>& target, int64_t first, int64_t last) {
    const int64_t depth = read.C, width = panel_width(target.channels), tiles = last - first;
    // A vector more between points: at multiples of 4096 bytes they would share cache sets.
    const int64_t value_floats = tiles * depth + vector_floats, sum_floats = tiles * width;
    float* values = thread_scratch(size_t(all_points * (value_floats + sum_floats)));
    float* sums = values + all_points * value_floats;
    for (int64_t t = 0; t < tiles; ++t)
        to_points<PixelsToPoints>(read, image, first + t, values + t * depth, value_floats,
                                  [](int64_t c) { return c; });
    for (int64_t k = 0; k < target.channels; k += width, panels += all_points * depth * width) {
        for (int p = 0; p < all_points; ++p)
            product_rows(tiles, int(width), values + p * value_floats, depth, 1,
                         panels + p * depth * width, width, depth, sums + p * sum_floats, width,
                         true);
        for (int64_t t = 0; t < tiles; ++t) {
            const Tiles::Place at = written.place(first + t);
            for (int64_t v = 0; v < width; v += vector_floats)
                write_tile(target, at, k + v, sums + t * width + v, sum_floats);
        }
    }
}

/// The convolution of `image` with the weights, to `target`.
template <class T, class Out>
void run(CpuContext& context, ConvPass pass, const ConvShape& s, const Weights& weights,
         uint64_t version, const Tiles& read, const T* image, const Target<T, Out>& target) {
    const Tiles written{read.N, target.H, target.W, target.channels, read.rows, read.columns, 0};
    const float* panels = context.conv_cache().panels(
        {pass, s, sizeof(T) == 2, ConvCache::Layout::winograd, weights.w},
        all_points * read.C * target.channels <= kept_floats ? version : 0,
        [&](std::vector<float>& memory) {
            memory.resize(size_t(all_points * read.C * target.channels));
            lay_out<T>(context, weights, read.C, target.channels, memory.data());
        });
    const int64_t tiles = read.count();
    const int64_t by_cache = blocks(tiles * all_points * read.C, task_floats);
    const int64_t by_threads = std::min<int64_t>(blocks(tiles, tile_rows), 4 * context.threads());
    const int64_t task =
        blocks(blocks(tiles, std::max(by_cache, by_threads)), tile_rows) * tile_rows;
    parallel_for(context, blocks(tiles, task), [&](int64_t i) {
        compute(read, image, written, panels, target, i * task, std::min(tiles, (i + 1) * task));
    });
}

}  // namespace

template <class T, class Out>
void winograd_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    run(context, ConvPass::forward, s, {args.w, s.S * s.C, s.C, 1, s.R * s.S * s.C, false},
        args.weight_version, {s.N, s.H, s.W, s.C, tiles_across(s.P()), tiles_across(s.Q()), s.pad},
        args.x, Target<T, Out>{args.y, s.P(), s.Q(), s.K, args.epilogue});
}

template <class T, class Out>
void winograd_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    run(context, ConvPass::dgrad, s, {args.w, s.S * s.C, s.C, s.R * s.S * s.C, 1, true},
        args.weight_version,
        {s.N, s.P(), s.Q(), s.K, tiles_across(s.H), tiles_across(s.W), taps - 1 - s.pad},
        args.grad_y, Target<T, Out>{args.grad_x, s.H, s.W, s.C, args.epilogue});
}

#define SG_INSTANTIATE(T, Out)                                                        \
    template void winograd_conv_forward(CpuContext&, const ConvForwardArgs<T, Out>&); \
    template void winograd_conv_dgrad(CpuContext&, const ConvDgradArgs<T, Out>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)

}  // namespace sg
