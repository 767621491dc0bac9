#include "kernels/conv/conv_cache.h"
#include "kernels/conv/matrix/gather.h"
#include "kernels/conv/winograd/tiles.h"
#include "kernels/conv/winograd/winograd.h"

// wgrad, the adjoint of forward by the weights: at each of the 36 points
//   M[k, c] = sum over tiles of (A grad_y A^T)[k, tile] (B^T x B)[tile, c]
// and grad_w = G^T M G. `chunk` tiles at a time are transformed by all threads, then multiplied, so
// that the order of sums does not depend on how many threads there are.

namespace sg {

using namespace winograd;

namespace {

constexpr int all_points = points * points;
constexpr int64_t chunk = 192;  // tiles: a panel of them and a strip fit the L1 cache

/// Columns that a strip of grad_y's channels and a panel of x's have; both lie tile by tile.
constexpr int64_t strip = vector_floats;
int64_t panel_width(int64_t channels) {
    return channels % (2 * vector_floats) == 0 ? 2 * vector_floats : vector_floats;
}

/// out[point][block of channels][tile][width] of the tiles [first, last).
template <class Map, class T>
void transform(CpuContext& context, const Tiles& tiles, const T* image, int64_t first, int64_t last,
               int64_t width, float* out) {
    const int64_t count = last - first;
    parallel_for(context, count, [&](int64_t t) {
        to_points<Map>(tiles, image, first + t, out + t * width, count * tiles.C,
                       [&](int64_t c) { return c / width * count * width + c % width; });
    });
}

/// grad_w[k, r, s, c] = G^T M G.
void write_weights(CpuContext& context, const ConvShape& s, const float* sums, float* grad_w) {
    parallel_for(context, s.K, [&](int64_t k) {
        for (int64_t c = 0; c < s.C; c += vector_floats)
            map_square<PointsToWeights>(
                [&](int i, int j) { return load(sums + ((i * points + j) * s.K + k) * s.C + c); },
                [&](int r, int t, const Vector& g) {
                    store_vector(grad_w + ((k * taps + r) * taps + t) * s.C + c, g);
                });
    });
}

}  // namespace

template <class T>
void winograd_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    const ConvShape& s = args.shape;
    const int64_t rows = tiles_across(s.P()), columns = tiles_across(s.Q());
    const Tiles x{s.N, s.H, s.W, s.C, rows, columns, s.pad};
    const Tiles y{s.N, s.P(), s.Q(), s.K, rows, columns, 0};
    const int64_t width = panel_width(s.C), panels = s.C / width, tiles = x.count();
    const int64_t most = std::min(chunk, tiles);
    ConvCache& cache = context.conv_cache();
    const auto floats = [&](int64_t count, ConvCache::Buffer buffer) {
        return static_cast<float*>(cache.workspace(size_t(count) * sizeof(float), buffer));
    };
    float* sums = floats(all_points * s.K * s.C, ConvCache::Buffer::sums);
    float* x_values = floats(all_points * most * s.C, ConvCache::Buffer::operand);
    float* y_values = floats(all_points * most * s.K, ConvCache::Buffer::result);
    for (int64_t first = 0; first < tiles; first += chunk) {
        const int64_t last = std::min(tiles, first + chunk), count = last - first;
        transform<PixelsToPoints>(context, x, args.x, first, last, width, x_values);
        transform<OutputsToPoints>(context, y, args.grad_y, first, last, strip, y_values);
        parallel_for(context, all_points * panels, [&](int64_t task) {
            const int64_t p = task / panels, c = task % panels * width;
            const float* panel = x_values + p * count * s.C + c * count;
            float* to = sums + p * s.K * s.C + c;
            for (int64_t k = 0; k < s.K; k += strip) {
                const float* from = y_values + p * count * s.K + k * count;
                for (int64_t half = 0; half < strip; half += strip / 2)
                    product_rows(strip / 2, int(width), from + half, 1, strip, panel, width, count,
                                 to + (k + half) * s.C, s.C, first == 0);
            }
        });
    }
    write_weights(context, s, sums, args.grad_w);
}

template void winograd_conv_wgrad(CpuContext&, const ConvWgradArgs<float>&);
template void winograd_conv_wgrad(CpuContext&, const ConvWgradArgs<bf16>&);

}  // namespace sg
