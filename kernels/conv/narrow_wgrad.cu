#include "kernels/conv/narrow.cuh"

// grad_w from x and grad_y: a product [wide channels] x [pixels of y] x [taps and channels].
//
// A block sums over a share of the pixels for 64 wide channels and all R*C*S columns, tile by tile.
// Its 12 warps are 12/C units of C warps. A unit takes every (12/C)-th group of 16 pixels of a
// tile; in it, warp c takes the channel c: R tiles of 8 columns, one per r, of which S are used. At
// the end the units' sums are added one after another, and the block's go to the workspace; a
// second kernel adds the blocks'.
//
// A tile of grad_y lies in shared memory as it does outside: pixels, channels. Fragments of its
// transpose come by ldmatrix.trans. Fragments of x need two neighbouring pixels of y in a register:
// for tap s the numbers x[q*stride - pad + s] and x[(q+1)*stride - pad + s]. So the rows of x are
// stored by channel and in `versions`: version v holds x[j*stride - pad + v] at j, and tap s at
// pixel q is version s % versions at q + s / versions * 2 with versions = 2 * stride: even for
// even q, so the pair is an aligned word. Versions lie 8 banks apart: no conflicts.
//
//   stride 1     version 0:  x0 x1 x2 x3 ...     taps 0, 2, 4, 6 at q, q+2, q+4, q+6
//                version 1:  x1 x2 x3 x4 ...     taps 1, 3, 5    at q, q+2, q+4

namespace sg {

namespace {

constexpr int wgrad_warps = 12, wgrad_threads = 32 * wgrad_warps;
constexpr int block_channels = 64, pixel_pitch = block_channels + 8;  // in bf16: no bank conflicts
/// Floats of a wide channel and of a row of taps in the sums that units add: constants, so that
/// places are one register plus a number. 8 modulo 32: no bank conflicts.
constexpr int sum_pitch = 7 * 4 * 8 + 8, sum_row = 4 * 8;
constexpr int sum_slices = 8;               // of the second kernel
constexpr size_t shared_limit = 96 * 1024;  // of every device: the same tiles everywhere

struct WgradPlan {
    NarrowExtents e;
    PixelTiles tiles;
    int units, splits;            ///< in a block, and blocks along x
    int versions, length, plane;  ///< of x's rows; their elements; those of a row of a channel
    int rows, columns;            ///< of x under a tile
    bool aligned;                 ///< grad_y
    Divider by_width, by_column;

    WgradPlan(const NarrowConv& conv, int processors)
        : e(conv.shape), tiles(e, 256, 16), units(wgrad_warps / e.C), versions(2 * e.stride) {
        for (int pixels = 256; pixels >= 16; pixels /= 2) {
            tiles = PixelTiles(e, pixels, 16);
            length = (tiles.width + 8 + 47) / 64 * 64 + 16;  // 8 banks further, modulo 32
            plane = (versions * length + 47) / 64 * 64 + 16;
            rows = (tiles.rows - 1) * e.stride + e.R;
            if (2 * stage() <= shared_limit) break;
        }
        columns = (tiles.width - 1) * e.stride + e.S;
        splits = std::clamp(processors / slices(), 1, tiles.count);
        by_width = Divider(tiles.width);
        by_column = Divider(columns);
    }
    int slices() const { return int(pieces_of(e.K, block_channels)); }
    __host__ __device__ int pixels() const { return tiles.rows * tiles.width; }
    /// bf16 in a stage: grad_y's tile, then x's rows.
    __host__ __device__ int wide_elements() const { return pixels() * pixel_pitch; }
    size_t stage() const { return 2 * size_t(wide_elements() + rows * e.C * plane); }
    int64_t weights() const { return int64_t(e.K) * e.R * e.S * e.C; }
};

/// Copies a tile of grad_y, 64 channels from k0 on; zeros beyond the image and the channels.
__device__ void fetch_wide(const WgradPlan& plan, const PixelTiles::Place& at, int k0,
                           Global<const bf16> grad_y, Shared<bf16> to) {
    const NarrowExtents& e = plan.e;
    for (int i = int(threadIdx.x); i < plan.pixels() * 8; i += wgrad_threads) {
        const int k = k0 + i % 8 * 8;
        int row = i / 8;
        const int q = at.q0 + plan.by_width.split(row), p = at.p0 + row;
        const bool inside = p < e.P && q < e.Q && k < e.K;
        const int64_t element = inside ? int64_t((at.n * e.P + p) * e.Q + q) * e.K + k : int64_t{0};
        const Shared<bf16> place = to + (i / 8 * pixel_pitch + i % 8 * 8);
        if (plan.aligned)
            copy_async<16>(place, grad_y + element, inside);
        else
            store(place, inside ? std::bit_cast<Vec<bf16, 8>>(load_eight(grad_y + element, false))
                                : Vec<bf16, 8>{});
    }
    copy_async_commit();
}

/// The rows of x under a tile on their way to shared memory, a pixel per thread at a time, so that
/// products can be formed between its loading and its storing.
class Fetch {
  public:
    __device__ Fetch(const WgradPlan& plan, const PixelTiles::Place& at)
        : next_(int(threadIdx.x)),
          h0_(at.p0 * plan.e.stride - plan.e.pad),
          w0_(at.q0 * plan.e.stride - plan.e.pad),
          first_((at.n * plan.e.H + h0_) * plan.e.W + w0_) {}
    __device__ bool done(const WgradPlan& plan) const {
        return next_ - int(threadIdx.x) >= plan.rows * plan.columns;
    }
    __device__ void load(const WgradPlan& plan, Global<const bf16> x) {
        const NarrowExtents& e = plan.e;
        int row = next_;
        const int column = plan.by_column.split(row), h = h0_ + row, w = w0_ + column;
        next_ += wgrad_threads;
        const int at = column >> (e.stride - 1);  // stride is 1 or 2
        place_ = row * e.C * plan.plane + (column & (e.stride - 1)) * plan.length + at;
        if (row >= plan.rows) place_ = -1;
        const bool inside = place_ >= 0 && h >= 0 && h < e.H && w >= 0 && w < e.W;
        const int element = (first_ + row * e.W + column) * e.C;
#pragma unroll
        for (int c = 0; c < 4; ++c) values_[c] = inside && c < e.C ? x[element + c] : bf16{};
    }
    __device__ void store(const WgradPlan& plan, Shared<bf16> to) const {
        if (place_ < 0) return;
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            if (c >= plan.e.C) break;
            const int place = place_ + c * plan.plane;
            to[place] = values_[c];
            // For the first pixel this is the last place of the line before, which nobody reads.
            to[place + plan.e.stride * plan.length - 1] = values_[c];
        }
    }

  private:
    int next_, h0_, w0_, first_, place_ = -1;
    bf16 values_[4] = {};
};

/// Adds the products of 16 pixels of a row: `wide` points at the first, `narrow` at the words that
/// belong to tap (0, lane / 4) and the pixels 2t, 2t+1. `exact`: R = rows, not less.
template <int rows, bool exact>
__device__ void multiply(const WgradPlan& plan, Shared<const bf16> wide,
                         Shared<const unsigned> narrow, float (&sums)[rows][4][4]) {
    const int lane = int(threadIdx.x) % 32;
    const Shared<const bf16> own =
        wide + ((lane % 8 + lane / 16 * 8) * pixel_pitch + lane / 8 % 2 * 8);
    unsigned a[4][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) load_matrices<4, true>(a[i], own + i * 16);
    const int next_row = plan.e.C * plan.plane / 2;
#pragma unroll
    for (int r = 0; r < rows; ++r, narrow += next_row) {
        if (!exact && r >= plan.e.R) break;
        const unsigned b[2] = {narrow[0], narrow[4]};
#pragma unroll
        for (int i = 0; i < 4; ++i) mma_m16n8k16(sums[r][i], a[i], b);
    }
}

/// Adds the units' sums in shared memory, [k][r][c][8 s], in the order of units.
template <int rows>
__device__ void add_units(const WgradPlan& plan, int unit, int c, const float (&sums)[rows][4][4],
                          Shared<float> to) {
    const int lane = int(threadIdx.x) % 32;
    const Shared<float> own = to + (lane / 4 * sum_pitch + c * 8 + lane % 4 * 2);
    for (int turn = 0; turn < plan.units; ++turn, __syncthreads()) {
        if (turn != unit) continue;
#pragma unroll
        for (int r = 0; r < rows; ++r)
#pragma unroll
            for (int i = 0; i < 8; ++i) {
                const Shared<float> place = own + (i * 8 * sum_pitch + r * sum_row);
                Vec<float, 2> v{sums[r][i / 2][i % 2 * 2], sums[r][i / 2][i % 2 * 2 + 1]};
                if (turn > 0) {
                    const Vec<float, 2> before = load<2>(place);
                    v = {before[0] + v[0], before[1] + v[1]};
                }
                store(place, v);
            }
    }
}

/// The block's sums to its part of the workspace: [k][r][s][c], as weights lie.
__device__ void store_split(const WgradPlan& plan, int k0, Shared<const float> sums,
                            Global<float> to) {
    const NarrowExtents& e = plan.e;
    const int taps = e.R * e.S * e.C, count = min(block_channels, e.K - k0) * taps;
    for (int i = int(threadIdx.x); i < count; i += wgrad_threads) {
        const int k = i / taps, tap = i % taps / e.C, c = i % e.C;
        to[k0 * taps + i] = sums[k * sum_pitch + tap / e.S * sum_row + c * 8 + tap % e.S];
    }
}

/// Blocks along y take 64 wide channels each; those along x share out the tiles.
template <int rows, bool exact>
__global__ void __launch_bounds__(wgrad_threads, 1)
    narrow_wgrad_kernel(WgradPlan plan, Global<const bf16> x, Global<const bf16> grad_y,
                        Global<float> workspace) {
    const NarrowExtents& e = plan.e;
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    const int unit = warp / e.C, c = warp % e.C, k0 = int(blockIdx.y) * block_channels;
    const int s = lane / 4 < e.S ? lane / 4 : 0;  // columns beyond S are not stored
    const int own =
        c * plan.plane + s % plan.versions * plan.length + s / plan.versions * 2 + lane % 4 * 2;
    const int stage = plan.wide_elements() + plan.rows * e.C * plan.plane;
    const auto share = [&](unsigned b) { return int(int64_t(plan.tiles.count) * b / plan.splits); };
    const int first = share(blockIdx.x), end = share(blockIdx.x + 1);
    const Shared<bf16> stages = dynamic_shared<bf16>();

    Fetch fetch(plan, plan.tiles.place(first));
    fetch_wide(plan, plan.tiles.place(first), k0, grad_y, stages);
    while (!fetch.done(plan)) {
        fetch.load(plan, x);
        fetch.store(plan, stages + plan.wide_elements());
    }
    float sums[rows][4][4] = {};
    for (int tile = first; tile < end; ++tile) {
        copy_async_wait<0>();
        __syncthreads();
        const int now = (tile - first) % 2 * stage, later = stage - now;
        const bool more = tile + 1 < end;
        const PixelTiles::Place next = plan.tiles.place(more ? tile + 1 : tile);
        fetch = Fetch(plan, next);
        if (more) fetch_wide(plan, next, k0, grad_y, stages + later);
        const Shared<bf16> to = stages + (later + plan.wide_elements());
        const Shared<unsigned> words =
            dynamic_shared<unsigned>(size_t(now + plan.wide_elements()) * 2) + own / 2;
        for (int group = unit; group < plan.pixels() / 16; group += plan.units) {
            int row = group * 16;
            const int column = plan.by_width.split(row);
            const int line = row * e.stride * e.C * plan.plane + column;
            const bool fetching = more && !fetch.done(plan);
            if (fetching) fetch.load(plan, x);
            multiply<rows, exact>(plan, stages + (now + group * 16 * pixel_pitch), words + line / 2,
                                  sums);
            if (fetching) fetch.store(plan, to);
        }
        while (more && !fetch.done(plan)) {
            fetch.load(plan, x);
            fetch.store(plan, to);
        }
    }
    __syncthreads();
    const Shared<float> all = dynamic_shared<float>();
    add_units<rows>(plan, unit, c, sums, all);
    store_split(plan, k0, all, workspace + int64_t(blockIdx.x) * e.K * e.R * e.S * e.C);
}

/// grad_w: the sums of the splits, each by 8 threads that take every eighth split.
__global__ void __launch_bounds__(32 * sum_slices)
    narrow_wgrad_sum_kernel(NarrowFilter at, int weights, int splits, Global<const float> workspace,
                            Global<float> grad_w) {
    __shared__ SharedArray<float, 32 * sum_slices> partial;
    const int slice = int(threadIdx.x) / 32, i = int(blockIdx.x) * 32 + int(threadIdx.x) % 32;
    float sum = 0;
    if (i < weights)
#pragma unroll 8
        for (int j = slice; j < splits; j += sum_slices) sum += workspace[int64_t(j) * weights + i];
    partial[int(threadIdx.x)] = sum;
    __syncthreads();
    if (slice > 0 || i >= weights) return;
    for (int j = 1; j < sum_slices; ++j) sum += partial[j * 32 + i % 32];
    const int c = i % at.C, s = i / at.C % at.S, r = i / (at.C * at.S) % at.R;
    grad_w[at.offset(r, s, c) + i / (at.C * at.S * at.R) * at.wide_stride] = sum;
}

}  // namespace

#ifndef __CUDACC__  // a function of the host alone: from one of this file's two compilations
int64_t narrow_wgrad_workspace(const DeviceProperties& device, const NarrowConv& conv) {
    const WgradPlan plan(conv, device.processors);
    return plan.splits * plan.weights();
}
#endif

template <DeviceContext Device>
void narrow_wgrad(Device& device, const NarrowWgradArgs& args) {
    WgradPlan plan(args.conv, device.properties().processors);
    plan.aligned = aligned_to(16, args.grad_y);
    const size_t sums = size_t{block_channels * sum_pitch} * 4;
    const Launch config{.kernel = "narrow_wgrad_kernel",
                        .grid = {unsigned(plan.splits), unsigned(plan.slices())},
                        .block = wgrad_threads,
                        .shared = std::max(2 * plan.stage(), sums)};
    const auto kernel = plan.e.R == 7   ? narrow_wgrad_kernel<7, true>
                        : plan.e.R == 4 ? narrow_wgrad_kernel<4, true>
                                        : narrow_wgrad_kernel<7, false>;
    launch(device, config, kernel, plan, args.x, args.grad_y, args.workspace);
    const Launch sum{.kernel = "narrow_wgrad_sum_kernel",
                     .grid = unsigned(pieces_of(plan.weights(), 32)),
                     .block = 32 * sum_slices};
    launch(device, sum, narrow_wgrad_sum_kernel, NarrowFilter(args.conv, nullptr),
           int(plan.weights()), plan.splits, args.workspace, args.grad_w);
}

template void narrow_wgrad(ThisDevice&, const NarrowWgradArgs&);

}  // namespace sg
