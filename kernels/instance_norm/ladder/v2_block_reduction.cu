// Version 2: a block of 256 threads for every channel of every image.
//
//   thread 0:   x[n][0][c], x[n][256][c], ...       partial sums meet in shared memory:
//   thread 1:   x[n][1][c], x[n][257][c], ...         [0 1 2 3 4 5 6 7]
//   ...                                               [0+4 1+5 2+6 3+7]
//   thread 255: x[n][255][c], ...                     [0+2 1+3]  [0+1]
//
// 256 times as many threads. But neighbouring threads now read addresses C elements apart: a warp's
// load touches 32 sectors of 32 bytes and uses 2 or 4 bytes of each.

#include "kernels/instance_norm/ladder/ladder.cuh"

namespace sg {

namespace {

constexpr int threads = 256;

/// The sum of all threads' values, known to all of them.
__device__ float block_tree_sum(float value) {
    __shared__ SharedArray<float, threads> partial;
    const int t = int(threadIdx.x);
    partial[t] = value;
    for (int half = threads / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) partial[t] += float(partial[t + half]);
    }
    __syncthreads();
    const float sum = partial[0];
    __syncthreads();  // before the next sum overwrites it
    return sum;
}

template <class T>
__global__ void instance_norm_forward_v2_kernel(LadderArgs<T> a) {
    const auto [N, M, C] = a.s;
    const int64_t plane = blockIdx.x, n = plane / C, c = plane % C, first = n * M * C + c;
    const int t = int(threadIdx.x);

    float own = 0;
    for (int64_t m = t; m < M; m += threads) own += float(a.x[first + m * C]);
    const float mean = block_tree_sum(own) / float(M);

    own = 0;
    for (int64_t m = t; m < M; m += threads) {
        const float d = float(a.x[first + m * C]) - mean;
        own += d * d;
    }
    const float rstd = a.rstd_of(block_tree_sum(own));

    if (t == 0) {
        a.mean[plane] = mean;
        a.rstd[plane] = rstd;
    }
    const auto channel = a.channel(c, mean, rstd);
    for (int64_t m = t; m < M; m += threads) a.write(first + m * C, channel);
}

}  // namespace

template <class Device, class T>
void launch_v2(Device& device, const LadderArgs<T>& a) {
    const auto blocks = unsigned(a.s.N * a.s.C);
    launch(device, {.kernel = "instance_norm_forward_v2_kernel", .grid = blocks, .block = threads},
           instance_norm_forward_v2_kernel<T>, a);
}

SG_INSTANTIATE_VERSION(launch_v2);

}  // namespace sg
