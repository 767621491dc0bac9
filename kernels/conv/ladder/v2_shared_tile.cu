// Version 2: a block computes 8x8 pixels of 16 filters and keeps what they share on chip.
//
//   x, a few channels                w, the same channels of 16 filters
//   . . . . . . . . . .              [r,s,c] -> 16 filters side by side
//   . # # # # # # # # .
//   . # # # # # # # # .   # the 8x8 pixels, each computed by 16 threads (one per filter)
//   .       ...       .   . the halo: for 3x3 a patch of 10x10 is read for 8x8 results
//   . . . . . . . . . .
//
// A slice of up to 8 channels of both is copied to shared memory, multiplied and replaced by the
// next slice. An element of x is read once for 16 filters (but for the halo), a weight once for 64
// pixels; version 1 reads both for every product. Zeros stand where the patch leaves the image.
//
// What limits it: every multiplication still takes two loads, now from shared memory. The copies of
// small slices use small pieces of memory. And the shape decides how much is wasted: a 4x4 image
// fills a quarter of the patch, a 1x1 kernel uses no halo, 7x7 one larger than the patch.

#include "kernels/conv/ladder/ladder.cuh"

namespace sg {

namespace {

constexpr int patch = 8, filters = 16, threads = patch * patch * filters, most_channels = 8;

/// Of shared memory: a patch of x, [rows][columns][channels], and weights, [R S][channels][16].
struct Slice {
    int rows, columns, channels;

    SG_HOST_DEVICE int x_size() const { return rows * columns * channels; }
    size_t bytes(const ConvExtents& d) const {
        const size_t weights = size_t(d.R) * d.S * channels * filters;
        return (size_t(rows) * columns * channels + weights) * sizeof(float);
    }
};

template <class T>
__global__ void __launch_bounds__(threads, 1)  // 1: for sm_100 nvcc would make do with 32 registers
    conv_forward_v2_kernel(ConvForwardLadder<T> a, Slice l) {
    const ConvExtents& d = a.d;
    const Shared<float> x = dynamic_shared<float>(0);
    const Shared<float> weights = dynamic_shared<float>(size_t(l.x_size()) * sizeof(float));
    const int t = int(threadIdx.x), own_k = t % filters;
    const int own_q = t / filters % patch, own_p = t / filters / patch;
    const int tiles_q = (d.Q + patch - 1) / patch, tiles_p = (d.P + patch - 1) / patch;
    int tile = int(blockIdx.x);
    const int q0 = tile % tiles_q * patch, p0 = tile / tiles_q % tiles_p * patch;
    const int n = tile / tiles_q / tiles_p, k0 = int(blockIdx.y) * filters;

    float sum = 0;
    for (int c0 = 0; c0 < d.C; c0 += l.channels) {
        for (int i = t; i < l.x_size(); i += threads) {
            const int c = c0 + i % l.channels;
            const int w = q0 * d.stride - d.pad + i / l.channels % l.columns;
            const int h = p0 * d.stride - d.pad + i / l.channels / l.columns;
            const bool inside = c < d.C && h >= 0 && h < d.H && w >= 0 && w < d.W;
            x[i] = inside ? float(a.x[((n * d.H + h) * d.W + w) * d.C + c]) : 0.0f;
        }
        const int taps = d.R * d.S, per_filter = taps * l.channels;
        for (int i = t; i < filters * per_filter; i += threads) {
            const int c = i % l.channels, tap = i / l.channels % taps, k = i / per_filter;
            const bool inside = c0 + c < d.C && k0 + k < d.K;
            weights[(tap * l.channels + c) * filters + k] =
                inside ? float(a.w[((k0 + k) * taps + tap) * d.C + c0 + c]) : 0.0f;
        }
        __syncthreads();
        for (int r = 0; r < d.R; ++r)
            for (int s = 0; s < d.S; ++s) {
                const int pixel = (own_p * d.stride + r) * l.columns + own_q * d.stride + s;
                const int tap = r * d.S + s;
                for (int c = 0; c < l.channels; ++c)
                    sum += float(x[pixel * l.channels + c]) *
                           float(weights[(tap * l.channels + c) * filters + own_k]);
            }
        __syncthreads();  // before the next slice overwrites this one
    }
    const int p = p0 + own_p, q = q0 + own_q, k = k0 + own_k;
    if (p < d.P && q < d.Q && k < d.K)
        store_result(a.y, Vec<float, 1>{{sum}}, k, int64_t((n * d.P + p) * d.Q + q) * d.K + k);
}

}  // namespace

template <class Device, class T>
void launch_conv_v2(Device& device, const ConvForwardLadder<T>& a) {
    const ConvExtents& d = a.d;
    const char* kernel = "conv_forward_v2_kernel";
    const int64_t rows = (patch - 1) * int64_t{d.stride} + d.R;
    const int64_t columns = (patch - 1) * int64_t{d.stride} + d.S;
    const size_t most = device.properties().shared_per_block;
    require((rows * columns + int64_t{d.R} * d.S * filters) * 4 <= int64_t(most), kernel,
            "a patch of {} x {} of one channel and its weights do not fit {} bytes of shared "
            "memory",
            rows, columns, most);
    Slice slice{int(rows), int(columns), std::min(d.C, most_channels)};
    while (slice.bytes(d) > most) --slice.channels;
    const int64_t tiles = int64_t{(d.P + patch - 1) / patch} * ((d.Q + patch - 1) / patch);
    launch(device,
           {.kernel = kernel,
            .grid = {unsigned(tiles * d.N), unsigned((d.K + filters - 1) / filters)},
            .block = threads,
            .shared = slice.bytes(d)},
           conv_forward_v2_kernel<T>, a, slice);
}

template void launch_conv_v2(ThisDevice&, const ConvForwardLadder<float>&);
template void launch_conv_v2(ThisDevice&, const ConvForwardLadder<bf16>&);

}  // namespace sg
