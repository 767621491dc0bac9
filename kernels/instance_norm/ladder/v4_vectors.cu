// Version 4: a block takes 64 bytes' worth of channels (a "slab", slab.cuh), 16 bytes per thread.
//
//   channels ->  c0                   + 16 (f32) or + 32 (bf16)
//   pixel 0      [T0 ][T1 ][T2 ][T3 ]
//   pixel 1      [T4 ][T5 ][T6 ][T7 ]     a warp reads 8 pixels: 16 whole sectors, nothing unused
//   ...
//
// Every byte that is moved is used, and each load brings four or eight values. What remains is
// that x is read three times: twice for the statistics, once to apply them.

#include "kernels/instance_norm/ladder/ladder.cuh"

namespace sg {

namespace {

template <class T, int N>
__global__ void __launch_bounds__(slab_threads, 2)
    instance_norm_forward_v4_kernel(LadderArgs<T> a) {
    __shared__ SharedArray<float, slab_channels<T>> sums;
    const SlabPlace<T, N> at(a.s, 1, a.s.M);
    const float size = float(a.s.M);
    float own[1][N] = {}, mean[N], rstd[N];

    at.each_pixel([&](int64_t i, int64_t) {
        const Vec<T, N> x = load<N>(a.x + i);
        for (int j = 0; j < N; ++j) own[0][j] += float(x[j]);
    });
    slab_sums<1, T, N>(own, sums);
    for (int j = 0; j < N; ++j) {
        mean[j] = sums[at.column * N + j] / size;
        own[0][j] = 0;
    }
    at.each_pixel([&](int64_t i, int64_t) {
        const Vec<T, N> x = load<N>(a.x + i);
        for (int j = 0; j < N; ++j) {
            const float d = float(x[j]) - mean[j];
            own[0][j] += d * d;
        }
    });
    __syncthreads();  // all have read the first sums
    slab_sums<1, T, N>(own, sums);
    for (int j = 0; j < N; ++j) rstd[j] = a.rstd_of(sums[at.column * N + j]);

    if (!at.inside) return;  // no barrier follows
    typename LadderArgs<T>::Channel channel[N];
    for (int j = 0; j < N; ++j) channel[j] = a.channel(at.channel + j, mean[j], rstd[j]);
    const bool writes = int(threadIdx.x) < SlabPlace<T, N>::columns;
    for (int j = 0; writes && j < N; ++j) {
        a.mean[at.n * at.C + at.channel + j] = mean[j];
        a.rstd[at.n * at.C + at.channel + j] = rstd[j];
    }
    at.each_pixel([&](int64_t i, int64_t) {
        const Vec<T, N> x = load<N>(a.x + i);
        Vec<T, N> y, added{};
        if (a.residual) added = load<N>(a.residual + i);
        for (int j = 0; j < N; ++j) {
            const float residual = a.residual ? float(added[j]) : 0.0f;
            y[j] = T(a.output(float(x[j]), residual, channel[j]));
        }
        store(a.y + i, y);
    });
}

}  // namespace

template <class Device, class T>
void launch_v4(Device& device, const LadderArgs<T>& a) {
    const InstanceNormPlan whole{
        .kind = InstanceNormPlan::Kind::slab, .parts = 1, .pixels = a.s.M, .shared = 0};
    const Launch config = slab_launch<T>("instance_norm_forward_v4_kernel", a.s, whole);
    if (a.vectors)
        launch(device, config, instance_norm_forward_v4_kernel<T, vec_width<T>>, a);
    else
        launch(device, config, instance_norm_forward_v4_kernel<T, 1>, a);
}

SG_INSTANTIATE_VERSION(launch_v4);

}  // namespace sg
