#include "kernels/conv/conv_cache.h"
#include "kernels/conv/winograd/tiles.h"
#include "kernels/conv/winograd/winograd.h"

// wgrad, the adjoint of forward by the weights: at each point
//   M[k, d] = sum over tiles of (A grad_y A^T)[k, tile] (B^T x B)[tile, d]
// and grad_w = G^T M G. `chunk` tiles at a time are transformed by all threads, then multiplied, so
// that the order of sums does not depend on how many threads there are.

namespace sg {

using namespace winograd;

namespace {

constexpr int64_t chunk = 192;            // tiles: a panel of them and a strip fit the L1 cache
constexpr int64_t strip = vector_floats;  // of grad_y's channels

/// grad_w[k, r, s, c] = G^T M G; sums[point][k][d], `point` floats apart.
template <class F>
void write_weights(CpuContext& context, const ConvShape& s, const float* sums, float* grad_w) {
    const std::vector<Phase> all = phases(s);
    const int64_t depth = int64_t(all.size()) * s.C, point = s.K * depth;
    parallel_for(context, s.K, [&](int64_t k) {
        for (size_t n = 0; n < all.size(); ++n)
            for (int64_t c = 0; c < s.C; c += vector_floats) {
                const float* from = sums + k * depth + int64_t(n) * s.C + c;
                map_square<typename F::PointsToWeights>(
                    [&](int i, int j) { return load(from + (i * F::points + j) * point); },
                    [&](int i, int j, const Vector& g) {
                        const int64_t r = s.stride * i + all[n].e, t = s.stride * j + all[n].f;
                        store_vector(grad_w + ((k * s.R + r) * s.S + t) * s.C + c, g);
                    });
            }
    });
}

template <class F, class T>
void wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    constexpr int64_t points = F::points * F::points;
    const ConvShape& s = args.shape;
    const int64_t rows = tiles_across(s.P()), columns = tiles_across(s.Q());
    Tiles x{s.N, s.H, s.W, s.C, rows, columns, s.stride, {}};
    for (const Phase& phase : phases(s)) x.offsets.push_back({phase.e - s.pad, phase.f - s.pad});
    const Tiles y{s.N, s.P(), s.Q(), s.K, rows, columns, 1, {{0, 0}}};
    const int64_t depth = x.depth(), width = panel_width(depth), panels = depth / width;
    const int64_t tiles = x.count(), most = std::min(chunk, tiles);
    const auto floats = [&](int64_t count, ConvCache::Buffer buffer) {
        return static_cast<float*>(
            context.conv_cache().workspace(size_t(points * count) * sizeof(float), buffer));
    };
    float* sums = floats(s.K * depth, ConvCache::Buffer::sums);
    float* x_values = floats(point_floats(most, depth), ConvCache::Buffer::operand);
    float* y_values = floats(point_floats(most, s.K), ConvCache::Buffer::result);
    for (int64_t first = 0; first < tiles; first += chunk) {
        const int64_t last = std::min(tiles, first + chunk), count = last - first;
        transform<typename F::PixelsToPoints>(context, x, args.x, first, last, width, x_values);
        transform<typename F::OutputsToPoints>(context, y, args.grad_y, first, last, strip,
                                               y_values);
        parallel_for(context, points * panels, [&](int64_t task) {
            const int64_t p = task / panels, d = task % panels * width;
            const float* panel = x_values + p * point_floats(count, depth) + d * count;
            const float* strips = y_values + p * point_floats(count, s.K);
            float* to = sums + p * s.K * depth + d;
            for (int64_t k = 0; k < s.K; k += strip / 2)
                product_rows(strip / 2, int(width), strips + k / strip * strip * count + k % strip,
                             1, strip, panel, width, count, to + k * depth, depth, first == 0);
        });
    }
    write_weights<F>(context, s, sums, args.grad_w);
}

}  // namespace

template <class T>
void winograd_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    args.shape.stride == 1 ? wgrad<ThreeTaps>(context, args) : wgrad<TwoTaps>(context, args);
}

template void winograd_conv_wgrad(CpuContext&, const ConvWgradArgs<float>&);
template void winograd_conv_wgrad(CpuContext&, const ConvWgradArgs<bf16>&);

}  // namespace sg
