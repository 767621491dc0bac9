#include "kernels/conv/conv_cache.h"
#include "kernels/conv/matrix/conv_matrix.h"
#include "kernels/conv/matrix/few_results.h"

// grad_w[k, d] = sum over pixels m of grad_y[m, k] row[m, d]: a product whose depth is the pixels.
// A task has some pixels and `group` columns d. It takes its pixels 128 at a time, lays grad_y's
// channels out in strips of tile_rows, gathers the rows column tile by column tile, and multiplies
// every strip with every tile; all it reads then lies side by side, and its sums stay in the cache.

namespace sg {

namespace {

constexpr int64_t block_pixels = 128;  // a strip and a tile fit the L1 cache

/// How the work of a shape is cut. Nothing here depends on the number of threads: nor do the bits.
struct WgradPlan {
    Gather x;          ///< rows of x
    int64_t K, depth;  ///< rows and columns of the result
    int64_t width;     ///< columns of a tile: one, two or four vectors
    int64_t group;     ///< columns of a task
    int64_t slice;     ///< pixels of a task
    int64_t slices, groups;

    explicit WgradPlan(const ConvShape& s) : x(forward_gather(s)), K(s.K), depth(x.depth()) {
        constexpr int64_t enough_tasks = 32, most_slices = 8, least_pixels = 1024;
        // Few rows in a tile leave registers for more columns.
        const int64_t vectors = K <= tile_rows / 2 ? 4 : 2;
        width = vector_floats * (depth > vector_floats ? vectors : 1);
        // Every group lays the strips out once more, every slice has sums of its own to be added.
        const int64_t pixels = x.pixels(), tiles = blocks(depth, width);
        slice = blocks(blocks(pixels, std::clamp<int64_t>(pixels / least_pixels, 1, most_slices)),
                       block_pixels) *
                block_pixels;
        slices = blocks(pixels, slice);
        group = blocks(tiles, std::min(tiles, blocks(enough_tasks, slices))) * width;
        groups = blocks(depth, group);
    }
    int64_t strips() const { return blocks(K, tile_rows); }
};

/// The pixels' channels strip by strip: out[strip][pixel][tile_rows], zero behind the last channel.
template <class T>
void lay_out_strips(const T* grad_y, int64_t pixels, int64_t K, float* out) {
    for (int64_t k = 0; k < K; k += tile_rows, out += pixels * tile_rows) {
        const int64_t count = std::min<int64_t>(tile_rows, K - k);
        if (count < tile_rows) std::fill_n(out, pixels * tile_rows, 0.0f);
        if (count == tile_rows)
            copy_rows<tile_rows>(grad_y + k, K, out, tile_rows, pixels, count);
        else
            copy_rows<0>(grad_y + k, K, out, tile_rows, pixels, count);
    }
}

/// Sums over the pixels [first, last) for the columns [begin, end), to sums_out[K][depth].
template <class T>
void multiply_task(const WgradPlan& plan, const ConvWgradArgs<T>& args, int64_t first, int64_t last,
                   int64_t begin, int64_t end, float* sums_out) {
    const int64_t K = plan.K, tiles = blocks(end - begin, plan.width), tile_sums = K * plan.width;
    const int64_t strip_floats = plan.strips() * tile_rows * block_pixels;
    float* sums =
        thread_scratch(size_t(tiles * tile_sums + block_pixels * plan.width + strip_floats));
    float* rows = sums + tiles * tile_sums;
    float* strips = rows + block_pixels * plan.width;
    std::fill_n(sums, tiles * tile_sums, 0.0f);
    for (int64_t m = first; m < last; m += block_pixels) {
        const int64_t pixels = std::min(block_pixels, last - m);
        lay_out_strips(args.grad_y + m * K, pixels, K, strips);
        for (int64_t t = 0; t < tiles; ++t) {
            const int64_t d = begin + t * plan.width, d_end = std::min(end, d + plan.width);
            if (d_end - d < plan.width) zero_rows(rows, plan.width, pixels, plan.width);
            gather_rows(plan.x, args.x, m, m + pixels, d, d_end, rows, plan.width);
            for (int64_t k = 0; k < K; k += tile_rows)
                product_rows(std::min<int64_t>(tile_rows, K - k), int(plan.width),
                             strips + k * pixels, 1, tile_rows, rows, plan.width, pixels,
                             sums + t * tile_sums + k * plan.width, plan.width);
        }
    }
    for (int64_t t = 0; t < tiles; ++t) {
        const int64_t d = begin + t * plan.width, count = std::min(end - d, plan.width);
        for (int64_t k = 0; k < K; ++k)
            std::copy_n(sums + t * tile_sums + k * plan.width, count,
                        sums_out + k * plan.depth + d);
    }
}

}  // namespace

template <class T>
void matrix_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    if (has_few_results(args.shape, args.shape.K)) return few_results_wgrad(context, args);
    const WgradPlan plan(args.shape);
    const int64_t size = args.shape.w_size();
    const bool in_place = plan.slices == 1;
    float* sums = in_place
                      ? args.grad_w
                      : static_cast<float*>(context.conv_cache().workspace(
                            size_t(plan.slices * size) * sizeof(float), ConvCache::Buffer::sums));
    parallel_for(context, plan.slices * plan.groups, [&](int64_t task) {
        const int64_t slice = task / plan.groups, first = slice * plan.slice;
        const int64_t begin = task % plan.groups * plan.group;
        multiply_task(plan, args, first, std::min(plan.x.pixels(), first + plan.slice), begin,
                      std::min(plan.depth, begin + plan.group), sums + slice * size);
    });
    if (in_place) return;
    parallel_chunks(context, size, [&](int64_t begin, int64_t end) {
        for (int64_t e = begin; e < end; ++e) {
            float sum = sums[e];
            for (int64_t i = 1; i < plan.slices; ++i) sum += sums[i * size + e];
            args.grad_w[e] = sum;
        }
    });
}

template void matrix_conv_wgrad(CpuContext&, const ConvWgradArgs<float>&);
template void matrix_conv_wgrad(CpuContext&, const ConvWgradArgs<bf16>&);

}  // namespace sg
