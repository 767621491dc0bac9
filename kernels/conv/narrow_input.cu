#include "kernels/conv/narrow.cuh"

// y from x: a product [pixels of y] x [taps and channels] x [wide channels].
//
// x lies in shared memory as words of two channels, row by row: first channels 0 and 1 of the row's
// pixels, then 2 and 3 (zeros beyond C). The taps s of row r that belong to pixel q of y are
// neighbours: pixels q*stride - pad + s. One step of the product, 16 deep, is four taps of a row; a
// 7x7 kernel has 14 steps and a 4x4 kernel 4.
//
//   k of a step       0 1 | 2 3 | 4 5 | 6 7 | 8 9 | ...     lane t's registers a[0] and a[1] hold
//   tap, channels     0,01  1,01  2,01  3,01  0,23  ...     k = 2t, 2t+1; a[2] and a[3] 2t+8, 2t+9
//
// So lane t wants the two words of tap t. Neighbouring pixels' words overlap or lie side by side:
// no bank conflicts. (With all four channels together, one load of 8 bytes would do. But the four
// registers of a fragment must be neighbours, and these two are not: they would be copied for every
// product.) The weights are laid out once per block as fragments of this order, 16 bytes per lane
// for two neighbouring tiles of 8 wide channels. Wide channels are permuted in those two tiles such
// that a lane's sums are of four neighbours:
//   column g of tile e (0, 1) is channel 4 (g/2) + 2e + g%2;  lane t has columns 2t and 2t+1.

namespace sg {

namespace {

constexpr int input_threads = 128, input_pixels = 256;  // a warp takes 64 pixels
constexpr int tiles_m = 4;                              // of 16 pixels, in a warp

/// The label bias that ConvForwardArgs describes.
struct LabelBias {
    Global<const float> table;  ///< [N, R, R, K], or null
    bool relative;

    __device__ static int class_of(int i, int size, int R) {
        const int p = (R - 1) / 2;
        return i < p ? i : i > size - 1 - p ? i - (size - R) : p;
    }
    /// Adds the bias of four channels of pixel (n,p,q).
    __device__ void add(Vec<float, 4>& v, const NarrowExtents& e, int n, int p, int q, int channel,
                        bool vectors) const {
        const int middle = (e.R - 1) / 2, a = class_of(p, e.P, e.R), b = class_of(q, e.Q, e.R);
        if (relative && a == middle && b == middle) return;
        const auto entry = [&](int row, int column) {
            const Global<const float> at =
                table + (int64_t((n * e.R + row) * e.R + column) * e.K + channel);
            return vectors ? load<4>(at) : Vec<float, 4>{at[0], at[1], at[2], at[3]};
        };
        const Vec<float, 4> own = entry(a, b);
        const Vec<float, 4> interior = relative ? entry(middle, middle) : Vec<float, 4>{};
        for (int i = 0; i < 4; ++i) v[i] += own[i] - interior[i];
    }
};

struct InputPlan {
    NarrowExtents e;
    PixelTiles tiles;
    int pieces;                   ///< steps per kernel row
    int columns;                  ///< pixels of x in a row of a tile
    int rows;                     ///< rows of x of a tile
    bool pixels_aligned = false;  ///< whether a pixel of x is one access
    Divider by_width, by_columns;

    explicit InputPlan(const NarrowConv& conv) : e(conv.shape), tiles(e, input_pixels, 8) {
        pieces = e.S <= 4 ? 1 : 2;
        columns = (tiles.width - 1) * e.stride + 4 * pieces;
        rows = (tiles.rows - 1) * e.stride + e.R;
        by_width = Divider(tiles.width);
        by_columns = Divider(columns);
    }
    __host__ __device__ int weight_words(int pairs) const { return e.R * pieces * pairs * 32 * 4; }
    int x_words() const { return rows * columns * 2; }
};

/// Fragments of the weights of 16 * pairs wide channels from k0 on: [step][pair][lane][4 words].
__device__ void lay_out_weights(const InputPlan& plan, const NarrowFilter& w, int k0, int pairs,
                                Shared<unsigned> to) {
    const int vectors = plan.e.R * plan.pieces * pairs * 32;
    for (int i = int(threadIdx.x); i < vectors; i += input_threads) {
        const int lane = i % 32, tile = i / 32, step = tile / pairs;
        const int r = step / plan.pieces, s = step % plan.pieces * 4 + lane % 4;
        const int k = k0 + tile % pairs * 16 + lane / 8 * 4 + lane / 4 % 2;
        Vec<unsigned, 4> words;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const int channel = k + j / 2 * 2, c = j % 2 * 2;
            words[j] = w.bits(channel, r, s, c) | w.bits(channel, r, s, c + 1) << 16;
        }
        store(to + i * 4, words);
    }
}

/// Copies the pixels of x under a tile of y to shared memory.
__device__ void fill(const InputPlan& plan, const PixelTiles::Place& at, Global<const bf16> x,
                     Shared<unsigned> to) {
    const NarrowExtents& e = plan.e;
    const int h0 = at.p0 * e.stride - e.pad, w0 = at.q0 * e.stride - e.pad;
#pragma unroll 4
    for (int i = int(threadIdx.x); i < plan.rows * plan.columns; i += input_threads) {
        int row = i;
        const int w = w0 + plan.by_columns.split(row), h = h0 + row;
        Vec<unsigned, 2> pixel{};
        if (h >= 0 && h < e.H && w >= 0 && w < e.W) {
            const Global<const bf16> from = x + int64_t((at.n * e.H + h) * e.W + w) * e.C;
            if (plan.pixels_aligned) {
                pixel = std::bit_cast<Vec<unsigned, 2>>(load<4>(from));
            } else {
                const auto bits = [&](int c) { return c < e.C ? unsigned(from[c].bits) : 0u; };
                pixel = {bits(0) | bits(1) << 16, bits(2) | bits(3) << 16};
            }
        }
        to[i + row * plan.columns] = pixel[0];
        to[i + (row + 1) * plan.columns] = pixel[1];
    }
}

/// Pixel `i` of a tile; what lies beyond the tile computes its first pixel and is not stored.
struct TilePixel {
    int row, column;
    bool inside;

    __device__ TilePixel(const InputPlan& plan, int i) : row(i), inside(true) {
        column = plan.by_width.split(row);
        if (row >= plan.tiles.rows) row = column = 0, inside = false;
    }
};

/// The warp's sums: 64 pixels times 16 * pairs channels. at[i][half] is where the lane's operands
/// begin: pixel group + 8 half of tile i, tap t of row 0.
template <int pairs>
__device__ void multiply(const InputPlan& plan, const int (&at)[tiles_m][2],
                         Shared<const unsigned> x, Shared<const unsigned> w,
                         float (&sums)[tiles_m][2 * pairs][4]) {
    w += int(threadIdx.x) % 32 * 4;
    for (int r = 0; r < plan.e.R; ++r)
        for (int piece = 0; piece < plan.pieces; ++piece, w += pairs * 32 * 4) {
            const int tap = r * 2 * plan.columns + piece * 4;
            unsigned a[tiles_m][4];
#pragma unroll
            for (int i = 0; i < tiles_m; ++i)
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    a[i][half] = x[at[i][half] + tap];
                    a[i][half + 2] = x[at[i][half] + tap + plan.columns];
                }
#pragma unroll
            for (int j = 0; j < pairs; ++j) {
                const Vec<unsigned, 4> words = load<4>(w + j * 32 * 4);
                const unsigned b[2][2] = {{words[0], words[1]}, {words[2], words[3]}};
#pragma unroll
                for (int i = 0; i < tiles_m; ++i) {
                    mma_m16n8k16(sums[i][2 * j], a[i], b[0]);
                    mma_m16n8k16(sums[i][2 * j + 1], a[i], b[1]);
                }
            }
        }
}

template <int pairs, bool vectors>
__device__ void finish(const InputPlan& plan, const PixelTiles::Place& at, int k0,
                       const LabelBias& labels, const ConvResult<bf16>& result,
                       const float (&sums)[tiles_m][2 * pairs][4]) {
    const NarrowExtents& e = plan.e;
    const int lane = int(threadIdx.x) % 32, first = int(threadIdx.x) / 32 * 64 + lane / 4;
#pragma unroll
    for (int i = 0; i < 2 * tiles_m; ++i) {
        const TilePixel pixel(plan, first + i * 8);
        const int p = at.p0 + pixel.row, q = at.q0 + pixel.column;
        if (!pixel.inside || p >= e.P || q >= e.Q) continue;
        const int64_t element = int64_t((at.n * e.P + p) * e.Q + q) * e.K;
#pragma unroll
        for (int j = 0; j < pairs; ++j) {
            const int k = k0 + j * 16 + lane % 4 * 4, d = i % 2 * 2;
            if (k >= e.K) continue;
            const auto& even = sums[i / 2][2 * j];
            const auto& odd = sums[i / 2][2 * j + 1];
            Vec<float, 4> v{even[d], even[d + 1], odd[d], odd[d + 1]};
            if (labels.table) labels.add(v, e, at.n, p, q, k, vectors);
            store_channels(result, v, 4, vectors, k, element + k);
        }
    }
}

/// Blocks along y take 16 * pairs wide channels each; those along x share out the tiles. `vectors`:
/// y and the epilogue's operands are aligned.
template <int pairs, bool vectors>
__global__ void __launch_bounds__(input_threads, 2)
    narrow_input_kernel(InputPlan plan, Global<const bf16> x, NarrowFilter w, LabelBias labels,
                        ConvResult<bf16> result) {
    const Shared<unsigned> weights = dynamic_shared<unsigned>();
    const Shared<unsigned> pixels = weights + plan.weight_words(pairs);
    const int k0 = int(blockIdx.y) * 16 * pairs, lane = int(threadIdx.x) % 32;
    const int first = int(threadIdx.x) / 32 * 64;
    lay_out_weights(plan, w, k0, pairs, weights);
    int from[tiles_m][2];
#pragma unroll
    for (int i = 0; i < 2 * tiles_m; ++i) {
        const TilePixel pixel(plan, first + i * 8 + lane / 4);
        const int row = pixel.row * plan.e.stride, column = pixel.column * plan.e.stride;
        from[i / 2][i % 2] = row * 2 * plan.columns + column + lane % 4;
    }
    for (int tile = int(blockIdx.x); tile < plan.tiles.count; tile += int(gridDim.x)) {
        const PixelTiles::Place at = plan.tiles.place(tile);
        fill(plan, at, x, pixels);
        __syncthreads();
        const bool any = first < plan.tiles.rows * plan.tiles.width;  // of this warp
        float sums[tiles_m][2 * pairs][4] = {};
        if (any) multiply<pairs>(plan, from, pixels, weights, sums);
        __syncthreads();  // the next tile's pixels may come
        if (any) finish<pairs, vectors>(plan, at, k0, labels, result, sums);
    }
}

}  // namespace

template <DeviceContext Device, class Out>
void narrow_input(Device& device, const NarrowInputArgs<Out>& args) {
    InputPlan plan(args.conv);
    const bool vectors = result_vectors(args.epilogue, args.y, sizeof(Out), plan.e.K) &&
                         aligned_to(16, args.label_bias);
    plan.pixels_aligned = plan.e.C == 4 && aligned_to(8, args.x);
    const int pairs = plan.e.K > 16 ? 4 : 1;
    const auto slices = unsigned(pieces_of(plan.e.K, 16 * pairs));
    const int64_t resident = std::max<int64_t>(1, 2 * device.properties().processors / slices);
    const Launch config{.kernel = "narrow_input_kernel",
                        .grid = {unsigned(std::min<int64_t>(plan.tiles.count, resident)), slices},
                        .block = input_threads,
                        .shared = size_t(plan.weight_words(pairs) + plan.x_words()) * 4};
    const auto kernel = pairs == 1
                            ? vectors ? narrow_input_kernel<1, true> : narrow_input_kernel<1, false>
                        : vectors ? narrow_input_kernel<4, true>
                                  : narrow_input_kernel<4, false>;
    launch(device, config, kernel, plan, args.x, NarrowFilter(args.conv, args.w),
           LabelBias{args.label_bias, args.label_bias_relative},
           conv_result(args.epilogue, args.y));
}

template void narrow_input(ThisDevice&, const NarrowInputArgs<float>&);
template void narrow_input(ThisDevice&, const NarrowInputArgs<bf16>&);

}  // namespace sg
