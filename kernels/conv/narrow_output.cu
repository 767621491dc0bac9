#include "kernels/conv/narrow_output.cuh"

// grad_x from grad_y. Three columns of a tensor core's eight would be used if the product's columns
// were grad_x's channels. So the horizontal taps become columns too:
//
//   Z[h, q, (s,c)] = sum over r, k of grad_y[i, q, k] w[k,r,s,c],   h = i*stride - pad + r
//   grad_x[h,w,c]  = sum over s of Z[h, (w + pad - s) / stride, (s,c)]       where that is whole
//
// A warp owns 16 columns q of grad_y and walks down the image, `wide` rows i of grad_y at a time.
// It holds the sums Z of all rows h that these contribute to in registers: a fragment of grad_y
// serves all r, one of the weights serves `wide` rows, and grad_y is read once per block.
//
//   r = 6 5 4 3 2 1 0        stride 1, R = 7, wide = 4: rows i .. i+3 contribute to ten rows h
//   h = + . . . . . .  + + +
//       `-----------'        then the lowest wide * stride rows are complete: they go to shared
//                            memory, where the second sum is formed, and the others move up.
//
// Fragments of grad_y come straight from global memory: lane t takes the eight channels 8t .. 8t+7
// of a chunk of 32 (16 bytes), which are its part of two steps of 16:
//   step e: a[0] (k 2t, 2t+1) is channels 8t+4e, 8t+4e+1;  a[2] (k 2t+8, 2t+9) is 8t+4e+2, 8t+4e+3
// The weights follow that order: [chunk][r][tile of 8 columns][lane][8 channels].

namespace sg {

namespace {

/// The block's part of grad_x, and the tile at which it is.
struct OutputPlace {
    int n, h0, h1, i0, tile;
    OutputPlan::Columns columns;

    __device__ explicit OutputPlace(const OutputPlan& plan) : n(int(blockIdx.x)) {
        h0 = n % plan.strips * plan.height;
        h1 = min(plan.e.H, h0 + plan.height);
        n /= plan.strips;
        i0 = (h0 + plan.e.pad) / plan.e.stride;  // the last row of grad_y that reaches h0
    }
};

/// The weights of one chunk, from `to` on.
template <class Shape>
__device__ void lay_out_weights(const OutputPlan& plan, const NarrowFilter& w, int chunk,
                                Shared<unsigned> to) {
    for (int i = int(threadIdx.x); i < plan.e.R * Shape::tiles * 32; i += int(blockDim.x)) {
        const int lane = i % 32, tile = i / 32, r = tile / Shape::tiles;
        const int column = tile % Shape::tiles * 8 + lane / 4, s = column / w.C, c = column % w.C;
        const int k = chunk * 32 + lane % 4 * 8;
        Vec<unsigned, 4> words{};
        if (plan.channels_last && k < w.K && s < w.S)
            words = load_eight(w.w + (w.offset(r, s, c) + k), true);
        else
            for (int j = 0; j < 4; ++j)
                words[j] = w.bits(k + 2 * j, r, s, c) | w.bits(k + 2 * j + 1, r, s, c) << 16;
        store(to + i * 4, words);
    }
}

/// The warp's 16 pixels of the rows of grad_y from i on; zeros where there are none, or where they
/// reach no row of the block.
template <class Shape>
__device__ void load_rows(const OutputPlan& plan, const OutputPlace& at, int i, int chunk,
                          Global<const bf16> grad_y, typename Shape::Rows& rows) {
    const NarrowExtents& e = plan.e;
    const int lane = int(threadIdx.x) % 32, k = chunk * 32 + lane % 4 * 8;
    const int q = at.columns.q0 + int(threadIdx.x) / 32 * 16 + lane / 4;
#pragma unroll
    for (int j = 0; j < Shape::wide; ++j) {
        const int row = i + j, h = row * Shape::stride - e.pad;
        const bool needed = row >= 0 && row < e.P && h < at.h1 && h + e.R > at.h0 && k < e.K;
        const int64_t element = (int64_t(at.n * e.P + row) * e.Q + q) * e.K + k;
#pragma unroll
        for (int half = 0; half < 2; ++half)
            if (needed && q + 8 * half < e.Q)
                rows[j][half] = load_eight(grad_y + (element + 8 * half * e.K), plan.aligned);
            else
                rows[j][half] = {};
    }
}

/// Adds a chunk's products. `all`: every row of grad_y meets every r; otherwise those that do not
/// are left out.
template <class Shape, bool all>
__device__ void multiply(const OutputPlan& plan, const OutputPlace& at, int i,
                         const typename Shape::Rows& rows, Shared<const unsigned> w,
                         typename Shape::Sums& sums) {
    w += int(threadIdx.x) % 32 * 4;
#pragma unroll
    for (int r = 0; r < Shape::R; ++r) {
        if (!all && r >= plan.e.R) break;
        Vec<unsigned, 4> words[Shape::tiles];
#pragma unroll
        for (int t = 0; t < Shape::tiles; ++t)
            words[t] = load<4>(w + (r * Shape::weight_words + t * 128));
#pragma unroll
        for (int j = 0; j < Shape::wide; ++j) {
            const int h = (i + j) * Shape::stride - plan.e.pad + r;
            if (!all && (i + j < 0 || i + j >= plan.e.P || h < at.h0 || h >= at.h1)) continue;
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                const auto& low = rows[j][0];
                const auto& high = rows[j][1];
                const unsigned a[4] = {low[2 * e], high[2 * e], low[2 * e + 1], high[2 * e + 1]};
#pragma unroll
                for (int t = 0; t < Shape::tiles; ++t) {
                    const unsigned b[2] = {words[t][2 * e], words[t][2 * e + 1]};
                    mma_m16n8k16(sums[j * Shape::stride + r][t], a, b);
                }
            }
        }
    }
}

/// The second sum, for `exchanged` rows of grad_x from h on, whose Z lies in shared memory:
/// [row][column (s,c)][pixel q]. Neighbouring threads take neighbours of one parity.
template <class Shape>
__device__ void combine(const OutputPlan& plan, const OutputPlace& at, int h, Shared<const float> z,
                        const ConvResult<bf16>& result) {
    constexpr int stride = Shape::stride;
    const NarrowExtents& e = plan.e;
    const int items = plan.by_items.divisor() * stride * Shape::exchanged;
    for (int i = int(threadIdx.x); i < items; i += int(blockDim.x)) {
        int part = i;
        const int item = plan.by_items.split(part);
        const int w = at.columns.w0 + item * stride + part % stride;
        const int slot = part / stride, row = h + slot;
        if (w >= at.columns.w1 || row < at.h0 || row >= at.h1) continue;
        Vec<float, 4> v{};
        int s = (w + e.pad) % stride, q = (w + e.pad) / stride;
        for (; s < e.S; s += stride, --q) {
            if (q < 0 || q >= e.Q) continue;
            const Shared<const float> from =
                z + ((slot * Shape::tiles * 8 + s * e.C) * plan.pitch + q - at.columns.q0);
#pragma unroll
            for (int c = 0; c < 4; ++c)
                if (c < e.C) v[c] += from[c * plan.pitch];
        }
        const int64_t element = int64_t((at.n * e.H + row) * e.W + w) * e.C;
        store_channels(result, v, e.C, plan.vectors, 0, element);
    }
}

/// Takes the last columns of Z over to the next tile, or (`back`) those of the tile before to the
/// front of Z's rows.
template <class Shape, bool back>
__device__ void carry_over(const OutputPlan& plan, const OutputPlace& at, int h, Shared<float> z) {
    constexpr int halo = OutputPlan::halo;
    const Shared<float> carried =
        dynamic_shared<float>(size_t(plan.weight_words<Shape>() + plan.z_words<Shape>()) * 4);
    for (int i = int(threadIdx.x); i < Shape::exchanged * Shape::carry_row; i += int(blockDim.x)) {
        const int row = h + i / Shape::carry_row;
        if (row < at.h0 || row >= at.h1) continue;
        const int kept = (row - at.h0) * Shape::carry_row + i % Shape::carry_row;
        const int place = i / halo * plan.pitch + i % halo - halo;
        if (back)
            z[place] = carried[kept];
        else
            carried[kept] = z[place + plan.warps * 16];
    }
}

/// Stores the rows that are complete, h and below.
template <class Shape>
__device__ void emit(const OutputPlan& plan, const OutputPlace& at, int h,
                     const ConvResult<bf16>& result, const typename Shape::Sums& sums) {
    const int lane = int(threadIdx.x) % 32, q = int(threadIdx.x) / 32 * 16 + lane / 4;
    const Shared<float> z = dynamic_shared<float>(size_t(plan.weight_words<Shape>()) * 4) +
                            OutputPlan::halo;  // column q0
    const Shared<float> own = z + (lane % 4 * 2 * plan.pitch + q);
#pragma unroll
    for (int first = 0; first < Shape::done; first += Shape::exchanged) {
        __syncthreads();
#pragma unroll
        for (int j = 0; j < Shape::exchanged; ++j)
#pragma unroll
            for (int t = 0; t < Shape::tiles; ++t)
#pragma unroll
                for (int d = 0; d < 4; ++d)
                    own[((j * Shape::tiles + t) * 8 + d % 2) * plan.pitch + d / 2 * 8] =
                        sums[first + j][t][d];
        if (at.tile > 0) carry_over<Shape, true>(plan, at, h + first, z);
        __syncthreads();
        combine<Shape>(plan, at, h + first, z, result);
        if (at.tile + 1 < plan.across) carry_over<Shape, false>(plan, at, h + first, z);
    }
}

/// Moves the sums of rows that are not complete up.
template <class Shape>
__device__ void move_up(typename Shape::Sums& sums) {
#pragma unroll
    for (int o = 0; o < Shape::rows; ++o)
#pragma unroll
        for (int t = 0; t < Shape::tiles; ++t)
#pragma unroll
            for (int d = 0; d < 4; ++d)
                sums[o][t][d] = o + Shape::done < Shape::rows
                                    ? sums[min(o + Shape::done, Shape::rows - 1)][t][d]
                                    : 0.0f;
}

/// One tile of a strip from top to bottom.
template <class Shape>
__device__ void walk(const OutputPlan& plan, const OutputPlace& at, Global<const bf16> grad_y,
                     const NarrowFilter& w, const ConvResult<bf16>& result) {
    const NarrowExtents& e = plan.e;
    const Shared<unsigned> weights = dynamic_shared<unsigned>();
    const int before = (e.R - 1) / Shape::stride;  // rows of grad_y above i0 that reach h0
    const int first = at.i0 - (before + Shape::wide - 1) / Shape::wide * Shape::wide;
    typename Shape::Sums sums = {};
    typename Shape::Rows next, rows;
    load_rows<Shape>(plan, at, first, 0, grad_y, next);
    for (int i = first; i * Shape::stride - e.pad < at.h1; i += Shape::wide) {
        const int h = i * Shape::stride - e.pad;
        const bool all = e.R == Shape::R && i >= 0 && i + Shape::wide <= e.P && h >= at.h0 &&
                         h + Shape::rows <= at.h1;
        for (int chunk = 0; chunk < plan.chunks; ++chunk) {
#pragma unroll
            for (int j = 0; j < 2 * Shape::wide; ++j) rows[j / 2][j % 2] = next[j / 2][j % 2];
            const bool last = chunk + 1 == plan.chunks;
            load_rows<Shape>(plan, at, last ? i + Shape::wide : i, last ? 0 : chunk + 1, grad_y,
                             next);
            if (!plan.resident) {
                __syncthreads();
                lay_out_weights<Shape>(plan, w, chunk, weights);
                __syncthreads();
            }
            const Shared<unsigned> of_chunk =
                weights + (plan.resident ? chunk * e.R * Shape::weight_words : 0);
            if (all)
                multiply<Shape, true>(plan, at, i, rows, of_chunk, sums);
            else
                multiply<Shape, false>(plan, at, i, rows, of_chunk, sums);
        }
        if (i >= at.i0) emit<Shape>(plan, at, h, result, sums);
        move_up<Shape>(sums);
    }
}

/// A block per image and strip.
template <class Shape>
__global__ void __launch_bounds__(OutputPlan::most_warps * 32, 1)
    narrow_output_kernel(OutputPlan plan, Global<const bf16> grad_y, NarrowFilter w,
                         ConvResult<bf16> result) {
    const Shared<unsigned> weights = dynamic_shared<unsigned>();
    if (plan.resident)
        for (int c = 0; c < plan.chunks; ++c)
            lay_out_weights<Shape>(plan, w, c, weights + c * plan.e.R * Shape::weight_words);
    __syncthreads();
    OutputPlace at(plan);
    for (at.tile = 0; at.tile < plan.across; ++at.tile) {
        at.columns = plan.columns(at.tile);
        walk<Shape>(plan, at, grad_y, w, result);
    }
}

template <class Shape, class Device, class Out>
void run(Device& device, const NarrowOutputArgs<Out>& args) {
    OutputPlan plan(args.conv.shape);
    plan.choose_height<Shape>(device.properties());
    const NarrowWeights& w = args.conv.weights;
    plan.vectors = result_vectors(args.epilogue, args.grad_x, sizeof(Out), plan.e.C);
    plan.aligned = aligned_to(16, args.grad_y);
    plan.channels_last = w.wide_stride == 1 && w.narrow_stride % 8 == 0 && w.tap_stride % 8 == 0 &&
                         aligned_to(16, args.w);
    const Launch config{.kernel = "narrow_output_kernel",
                        .grid = unsigned(plan.e.N * plan.strips),
                        .block = unsigned(plan.warps * 32),
                        .shared = plan.shared_bytes<Shape>(plan.height)};
    launch(device, config, narrow_output_kernel<Shape>, plan, args.grad_y,
           NarrowFilter(args.conv, args.w), conv_result(args.epilogue, args.grad_x));
}

}  // namespace

template <DeviceContext Device, class Out>
void narrow_output(Device& device, const NarrowOutputArgs<Out>& args) {
    const ConvShape& s = args.conv.shape;
    const int64_t columns = s.S * s.C;
    if (s.stride == 1)
        columns <= 24 ? run<OutputShape<1, 7, 3, 4>>(device, args)
                      : run<OutputShape<1, 7, 4, 2>>(device, args);
    else
        columns <= 16 ? run<OutputShape<2, 4, 2, 4>>(device, args)
                      : run<OutputShape<2, 4, 4, 2>>(device, args);
}

template void narrow_output(ThisDevice&, const NarrowOutputArgs<float>&);
template void narrow_output(ThisDevice&, const NarrowOutputArgs<bf16>&);

}  // namespace sg
