// Version 1: the formula, one thread for every channel of every image.
//
//   thread 0: x[n][0][0], x[n][1][0], x[n][2][0], ...      (pixel 0, 1, 2 of channel 0)
//   thread 1: x[n][0][1], x[n][1][1], x[n][2][1], ...
//
// Neighbouring threads read neighbouring channels, so accesses are coalesced. But there are only
// N C threads (1024 for 16 images of 64 channels; an H200 wants 270,000), each waits for one load
// after another, and x is read three times.

#include "kernels/instance_norm/ladder/ladder.cuh"

namespace sg {

namespace {

template <class T>
__global__ void instance_norm_forward_v1_kernel(LadderArgs<T> a) {
    const auto [N, M, C] = a.s;
    const int64_t plane = grid_thread();
    if (plane >= N * C) return;
    const int64_t n = plane / C, c = plane % C, first = n * M * C + c;

    float sum = 0;
    for (int64_t m = 0; m < M; ++m) sum += float(a.x[first + m * C]);
    const float mean = sum / float(M);

    float squares = 0;
    for (int64_t m = 0; m < M; ++m) {
        const float d = float(a.x[first + m * C]) - mean;
        squares += d * d;
    }
    const float rstd = a.rstd_of(squares);

    a.mean[plane] = mean;
    a.rstd[plane] = rstd;
    const auto channel = a.channel(c, mean, rstd);
    for (int64_t m = 0; m < M; ++m) a.write(first + m * C, channel);
}

}  // namespace

template <class Device, class T>
void launch_v1(Device& device, const LadderArgs<T>& a) {
    constexpr unsigned threads = 64;  // small blocks: at least they spread over more processors
    const auto blocks = unsigned((a.s.N * a.s.C + threads - 1) / threads);
    launch(device, {.kernel = "instance_norm_forward_v1_kernel", .grid = blocks, .block = threads},
           instance_norm_forward_v1_kernel<T>, a);
}

SG_INSTANTIATE_VERSION(launch_v1);

}  // namespace sg
