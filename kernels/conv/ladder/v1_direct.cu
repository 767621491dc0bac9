// Version 1: the formulas, one thread for every element of the result.
//
//   thread 0: y[n][p][q][0] = sum over r,s,c of x[n][p stride - pad + r][...][c] w[0][r][s][c]
//   thread 1: y[n][p][q][1]                     the same x                      w[1][r][s][c]
//
// Neighbouring threads compute neighbouring filters, as NHWC stores them: one pixel of x serves a
// whole warp. But their weights lie R S C elements apart, so a load of w touches 32 sectors and
// uses one element of each. And nothing is reused: two loads for every multiplication.
//
// The other passes the same way. grad_x: neighbouring threads have neighbouring channels c, which
// are neighbours in w too. grad_w: likewise in x; but a thread adds up all pixels of all images,
// and there are only K R S C threads.

#include "kernels/conv/ladder/ladder.cuh"

namespace sg {

namespace {

constexpr int threads = 256;

unsigned blocks_for(int64_t elements) {
    return unsigned((elements + threads - 1) / threads);
}

template <class T>
__global__ void conv_forward_v1_kernel(ConvForwardLadder<T> a) {
    const ConvExtents& d = a.d;
    const int64_t element = grid_thread();
    if (element >= int64_t(d.pixels()) * d.K) return;
    const int i = int(element), k = i % d.K;
    const int q = i / d.K % d.Q, p = i / d.K / d.Q % d.P, n = i / d.K / d.Q / d.P;

    float sum = 0;
    for (int r = 0; r < d.R; ++r) {
        const int h = p * d.stride - d.pad + r;
        if (h < 0 || h >= d.H) continue;
        for (int s = 0; s < d.S; ++s) {
            const int w = q * d.stride - d.pad + s;
            if (w < 0 || w >= d.W) continue;
            const int pixel = ((n * d.H + h) * d.W + w) * d.C;
            const int filter = ((k * d.R + r) * d.S + s) * d.C;
            for (int c = 0; c < d.C; ++c) sum += float(a.x[pixel + c]) * float(a.w[filter + c]);
        }
    }
    store_result(a.y, Vec<float, 1>{{sum}}, k, element);
}

template <class T>
__global__ void conv_dgrad_v1_kernel(ConvDgradLadder<T> a) {
    const ConvExtents& d = a.d;
    const int64_t element = grid_thread();
    if (element >= int64_t(d.N) * d.H * d.W * d.C) return;
    const int i = int(element), c = i % d.C;
    const int w = i / d.C % d.W, h = i / d.C / d.W % d.H, n = i / d.C / d.W / d.H;

    float sum = 0;
    for (int r = 0; r < d.R; ++r) {
        const int ph = h + d.pad - r, p = ph / d.stride;  // row p reads row h if it divides
        if (ph < 0 || p * d.stride != ph || p >= d.P) continue;
        for (int s = 0; s < d.S; ++s) {
            const int qw = w + d.pad - s, q = qw / d.stride;
            if (qw < 0 || q * d.stride != qw || q >= d.Q) continue;
            const int pixel = ((n * d.P + p) * d.Q + q) * d.K;
            for (int k = 0; k < d.K; ++k)
                sum += float(a.grad_y[pixel + k]) * float(a.w[((k * d.R + r) * d.S + s) * d.C + c]);
        }
    }
    store_result(a.grad_x, Vec<float, 1>{{sum}}, c, element);
}

template <class T>
__global__ void conv_wgrad_v1_kernel(ConvWgradLadder<T> a) {
    const ConvExtents& d = a.d;
    const int64_t element = grid_thread();
    if (element >= int64_t(d.K) * d.columns()) return;
    const int i = int(element), c = i % d.C;
    const int s = i / d.C % d.S, r = i / d.C / d.S % d.R, k = i / d.C / d.S / d.R;

    float sum = 0;
    for (int n = 0; n < d.N; ++n)
        for (int p = 0; p < d.P; ++p) {
            const int h = p * d.stride - d.pad + r;
            if (h < 0 || h >= d.H) continue;
            for (int q = 0; q < d.Q; ++q) {
                const int w = q * d.stride - d.pad + s;
                if (w < 0 || w >= d.W) continue;
                sum += float(a.grad_y[((n * d.P + p) * d.Q + q) * d.K + k]) *
                       float(a.x[((n * d.H + h) * d.W + w) * d.C + c]);
            }
        }
    a.grad_w[element] = sum;
}

}  // namespace

template <class Device, class T>
void launch_conv_v1(Device& device, const ConvForwardLadder<T>& a) {
    launch(device,
           {.kernel = "conv_forward_v1_kernel",
            .grid = blocks_for(int64_t(a.d.pixels()) * a.d.K),
            .block = threads},
           conv_forward_v1_kernel<T>, a);
}

template <class Device, class T>
void launch_conv_dgrad_v1(Device& device, const ConvDgradLadder<T>& a) {
    launch(device,
           {.kernel = "conv_dgrad_v1_kernel",
            .grid = blocks_for(int64_t(a.d.N) * a.d.H * a.d.W * a.d.C),
            .block = threads},
           conv_dgrad_v1_kernel<T>, a);
}

template <class Device, class T>
void launch_conv_wgrad_v1(Device& device, const ConvWgradLadder<T>& a) {
    launch(device,
           {.kernel = "conv_wgrad_v1_kernel",
            .grid = blocks_for(int64_t(a.d.K) * a.d.columns()),
            .block = threads},
           conv_wgrad_v1_kernel<T>, a);
}

#define SG_INSTANTIATE(T)                                                       \
    template void launch_conv_v1(ThisDevice&, const ConvForwardLadder<T>&);     \
    template void launch_conv_dgrad_v1(ThisDevice&, const ConvDgradLadder<T>&); \
    template void launch_conv_wgrad_v1(ThisDevice&, const ConvWgradLadder<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)

}  // namespace sg
