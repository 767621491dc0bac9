#include "kernels/conv/conv_cache.h"
#include "kernels/conv/winograd/tiles.h"
#include "kernels/conv/winograd/winograd.h"

// forward and dgrad; dgrad is forward of grad_y with the weights turned by half a circle, once for
// each phase. Some tiles at a time are transformed, multiplied at each point (tiles x depth with
// depth x channels), and transformed back.

namespace sg {

using namespace winograd;

namespace {

/// Floats of the tiles that are in work together: 16 MB, which stay in the last cache.
constexpr int64_t chunk_floats = 4 * 1024 * 1024;
/// Transformed weights up to this size are kept for as long as they do not change. Larger ones
/// would take 4 (3x3) or 6.25 (4x4) times the weights' memory, and are made in little of the time
/// of their products.
constexpr int64_t kept_floats = 256 * 1024;

/// A pass's weights: tap (i, j) of phase n, input channel d and output channel k is
/// w[first[n] + i * line + j * pixel + d * in + k * out]; the taps in reverse order if `turned`.
struct Weights {
    const float* w;
    std::vector<int64_t> first;
    int64_t line, pixel, in, out;
    bool turned;

    Weights(const float* weights, const ConvShape& s, bool is_dgrad)
        : w(weights),
          line(s.stride * s.S * s.C),
          pixel(s.stride * s.C),
          in(is_dgrad ? s.R * s.S * s.C : 1),
          out(is_dgrad ? 1 : s.R * s.S * s.C),
          turned(is_dgrad) {
        for (const Phase& phase : phases(s)) first.push_back((phase.e * s.S + phase.f) * s.C);
    }
};

/// G g G^T of the phase's taps, for input channels [0, C) and all output channels:
/// out[point][panel][d][width], from row `d` of `depth` on.
template <class F, class T>
void lay_out(CpuContext& context, const Weights& weights, int64_t first, int64_t C,
             int64_t channels, int64_t d, int64_t depth, float* out) {
    const int64_t width = panel_width(channels), point = channels * depth;
    parallel_for(context, channels / vector_floats, [&](int64_t vector) {
        const int64_t k = vector * vector_floats;
        const float* from = weights.w + first + k * weights.out;
        float* to = out + k / width * width * depth + d * width + k % width;
        for (int64_t c = 0; c < C; ++c, from += weights.in, to += width)
            map_square<typename F::WeightsToPoints>(
                [&](int i, int j) {
                    const int r = weights.turned ? F::taps - 1 - i : i;
                    const int s = weights.turned ? F::taps - 1 - j : j;
                    const float* tap = from + r * weights.line + s * weights.pixel;
                    float lanes[vector_floats];
                    for (int v = 0; v < vector_floats; ++v) lanes[v] = T(tap[v * weights.out]);
                    return load(lanes);
                },
                [&](int i, int j, const Vector& u) {
                    store_vector(to + (i * F::points + j) * point, u);
                });
    });
}

/// Writes results of an image: `epilogue` of sums, at element `at`, the first one's channel being
/// k.
template <class T, class Out>
void write(const ConvEpilogue<T>& e, const Vector& sums, Out* out, int64_t at, int64_t k) {
    Vector v = sums;
    if (e.bias) v += load(e.bias + k);
    if (e.slope != 1) v = v > 0 ? v : v * e.slope;
    if (e.mask) v = load(e.mask + at) > 0 ? v : v * e.mask_slope;
    if (e.residual) v += load(e.residual + at);
    store_vector(out + at, v);
}

/// The convolution of an image by `panels` (lay_out), to the tiles of another.
template <class F, class T, class Out>
void convolve(CpuContext& context, const Tiles& read, const T* image, const float* panels,
              const Tiles& written, const ConvEpilogue<T>& epilogue, Out* out) {
    constexpr int64_t points = F::points * F::points;
    const int64_t depth = read.depth(), channels = written.C, width = panel_width(channels);
    const int64_t per_panel = channels / width;
    const int64_t chunk =
        std::max<int64_t>(4, chunk_floats / (points * (depth + channels) * tile_rows)) * tile_rows;
    const int64_t most = std::min(chunk, read.count());
    const auto floats = [&](int64_t channels_of, ConvCache::Buffer buffer) {
        return static_cast<float*>(context.conv_cache().workspace(
            size_t(points * point_floats(most, channels_of)) * sizeof(float), buffer));
    };
    float* values = floats(depth, ConvCache::Buffer::operand);
    float* sums = floats(channels, ConvCache::Buffer::result);
    for (int64_t first = 0; first < read.count(); first += chunk) {
        const int64_t last = std::min(read.count(), first + chunk), count = last - first;
        const int64_t value_point = point_floats(count, depth);
        const int64_t sum_point = point_floats(count, channels);
        transform<typename F::PixelsToPoints>(context, read, image, first, last, depth, values);
        parallel_for(context, points * per_panel, [&](int64_t task) {
            const int64_t p = task / per_panel, panel = task % per_panel;
            product_rows(count, int(width), values + p * value_point, depth, 1,
                         panels + task * depth * width, width, depth,
                         sums + p * sum_point + panel * count * width, width, true);
        });
        parallel_for(context, count, [&](int64_t t) {
            const Window<F::outputs, Out> window(written, out, first + t, written.offsets[0]);
            for (int64_t k = 0; k < channels; k += vector_floats) {
                const float* from = sums + (k / width * count + t) * width + k % width;
                map_square<typename F::PointsToOutputs>(
                    [&](int i, int j) { return load(from + (i * F::points + j) * sum_point); },
                    [&](int u, int v, const Vector& y) {
                        if (window.inside(u, v))
                            write(epilogue, y, out, window.at(u, v) - out + k, k);
                    });
            }
        });
    }
}

/// What lay_out(memory) makes of the weights: kept, if they are few.
template <class LayOut>
const float* panels_of(CpuContext& context, const ConvCache::PanelKey& key, uint64_t version,
                       int64_t floats, const LayOut& lay_out) {
    ConvCache& cache = context.conv_cache();
    if (floats <= kept_floats)
        return cache.panels(key, version, [&](std::vector<float>& memory) {
            memory.resize(size_t(floats));
            lay_out(memory.data());
        });
    float* memory = static_cast<float*>(
        cache.workspace(size_t(floats) * sizeof(float), ConvCache::Buffer::sums));
    lay_out(memory);
    return memory;
}

template <class F, class T, class Out>
void forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    Tiles read{s.N, s.H, s.W, s.C, tiles_across(s.P()), tiles_across(s.Q()), s.stride, {}};
    for (const Phase& phase : phases(s)) read.offsets.push_back({phase.e - s.pad, phase.f - s.pad});
    const Tiles written{s.N, s.P(), s.Q(), s.K, read.rows, read.columns, 1, {{0, 0}}};
    const Weights weights(args.w, s, false);
    const float* panels = panels_of(
        context, {ConvPass::forward, s, sizeof(T) == 2, ConvCache::Layout::winograd, args.w},
        args.weight_version, F::points * F::points * read.depth() * s.K, [&](float* out) {
            for (size_t n = 0; n < weights.first.size(); ++n)
                lay_out<F, T>(context, weights, weights.first[n], s.C, s.K, int64_t(n) * s.C,
                              read.depth(), out);
        });
    convolve<F>(context, read, args.x, panels, written, args.epilogue, args.y);
}

/// Of x's rows (or columns) 2m - pad + e: the first inside the image, and its m.
struct FirstOf {
    int64_t pixel, m;
    FirstOf(int64_t e, const ConvShape& s) {
        m = s.pad > e ? (s.pad - e + s.stride - 1) / s.stride : -((e - s.pad) / s.stride);
        pixel = s.stride * m - s.pad + e;
    }
};

template <class F, class T, class Out>
void dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    const ConvShape& s = args.shape;
    const Weights weights(args.w, s, true);
    const int64_t floats = F::points * F::points * s.K * s.C;
    const float* panels = panels_of(
        context, {ConvPass::dgrad, s, sizeof(T) == 2, ConvCache::Layout::winograd, args.w},
        args.weight_version, floats * int64_t(weights.first.size()), [&](float* out) {
            for (size_t n = 0; n < weights.first.size(); ++n)
                lay_out<F, T>(context, weights, weights.first[n], s.K, s.C, 0, s.K,
                              out + int64_t(n) * floats);
        });
    for (const Phase& phase : phases(s)) {
        // Pixel m reads grad_y's m - i for tap i, in reverse: from m - (taps - 1) on.
        const FirstOf row(phase.e, s), column(phase.f, s);
        const int64_t rows = tiles_across(blocks(s.H - row.pixel, s.stride));
        const int64_t columns = tiles_across(blocks(s.W - column.pixel, s.stride));
        const Tiles read{s.N,  s.P(),   s.Q(), s.K,
                         rows, columns, 1,     {{row.m - F::taps + 1, column.m - F::taps + 1}}};
        const Tiles written{s.N,  s.H,     s.W,      s.C,
                            rows, columns, s.stride, {{row.pixel, column.pixel}}};
        if (written.count() > 0)
            convolve<F>(context, read, args.grad_y, panels, written, args.epilogue, args.grad_x);
        panels += floats;
    }
}

}  // namespace

template <class T, class Out>
void winograd_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    args.shape.stride == 1 ? forward<ThreeTaps>(context, args) : forward<TwoTaps>(context, args);
}

template <class T, class Out>
void winograd_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    args.shape.stride == 1 ? dgrad<ThreeTaps>(context, args) : dgrad<TwoTaps>(context, args);
}

#define SG_INSTANTIATE(T, Out)                                                        \
    template void winograd_conv_forward(CpuContext&, const ConvForwardArgs<T, Out>&); \
    template void winograd_conv_dgrad(CpuContext&, const ConvDgradArgs<T, Out>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)

}  // namespace sg
