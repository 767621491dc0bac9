#include "kernels/instance_norm/slab.cuh"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels

/// Reads this block's part of the slab into the tile and computes, per channel, its mean and the
/// sum of squares about that mean: local[c] and local[channels + c]. Two passes over what is on
/// chip cost nothing and, unlike <x^2> - <x>^2, lose no digits.
template <class T, int N>
__device__ void part_statistics(const SlabPlace<T, N>& at, int64_t count, Global<const T> x,
                                Shared<T> tile, Shared<float> local) {
    constexpr int channels = slab_channels<T>;
    const float size = float(max(count, int64_t{1}));  // no pixels: zeros, not 0 / 0
    at.each_pixel([&](int64_t i, int64_t t) { stage<T, N>(tile + t, x + i); });
    copy_async_commit();
    copy_async_wait<0>();  // own values only: no barrier

    float own[1][N] = {};
    at.each_pixel([&](int64_t, int64_t t) {
        const Vec<T, N> values = load<N>(tile + t);
#pragma unroll
        for (int j = 0; j < N; ++j) own[0][j] += float(values[j]);
    });
    slab_sums<1, T, N>(own, local);
    float mean[N];
#pragma unroll
    for (int j = 0; j < N; ++j) {
        mean[j] = local[at.column * N + j] / size;
        own[0][j] = 0;
    }
    at.each_pixel([&](int64_t, int64_t t) {
        const Vec<T, N> values = load<N>(tile + t);
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const float d = float(values[j]) - mean[j];
            own[0][j] = fmaf(d, d, own[0][j]);
        }
    });
    slab_sums<1, T, N>(own, local + channels);
    if (threadIdx.x < channels) local[threadIdx.x] = local[threadIdx.x] / size;
}

/// The slab's mean and 1 / standard deviation from those of its parts (Chan, Golub, LeVeque 1979),
/// added in the order of parts: statistic(r, i) reads local[i] of part r.
template <class Statistic>
__device__ void merge_parts(const InstanceNormShape& s, int parts, int64_t pixels, int channels,
                            int c, Shared<float> whole, const Statistic& statistic) {
    const auto count = [&](int r) { return float(part_pixels(s, r, pixels)); };
    float sum = 0, squares = 0;
    for (int r = 0; r < parts; ++r) sum += count(r) * statistic(r, c);
    const float mean = sum / float(s.M);
    for (int r = 0; r < parts; ++r) {
        const float d = statistic(r, c) - mean;
        squares += statistic(r, channels + c) + count(r) * d * d;
    }
    whole[c] = mean;
    whole[channels + c] = 1.0f / sqrtf(squares / float(s.M) + float(instance_norm_eps));
}

/// What forward writes.
template <class T>
struct Outputs {
    Global<const float> gamma, beta;
    Global<const T> residual;
    bool relu;
    Global<T> y;
    Global<float> mean, rstd;
};

/// y of this block's pixels; read(i, t) is the input's vector.
template <class T, int N, class Read>
__device__ void apply(const SlabPlace<T, N>& at, const Outputs<T>& out, Shared<float> whole,
                      const Read& read) {
    constexpr int channels = slab_channels<T>;
    const int64_t nc = at.n * at.C + at.channel;
    const SlabValues<N> gamma(out.gamma + at.channel, at.inside);
    const SlabValues<N> beta(out.beta + at.channel, at.inside);
    float mean[N], rstd[N];
#pragma unroll
    for (int j = 0; j < N; ++j) {
        mean[j] = whole[at.column * N + j];
        rstd[j] = whole[channels + at.column * N + j];
        if (at.part == 0 && at.inside && int(threadIdx.x) < SlabPlace<T, N>::columns) {
            out.mean[nc + j] = mean[j];
            out.rstd[nc + j] = rstd[j];
        }
    }
    at.each_pixel([&](int64_t i, int64_t t) {
        const Vec<T, N> x = read(i, t);
        Vec<T, N> y, residual{};
        if (out.residual) residual = load<N>(out.residual + i);
#pragma unroll
        for (int j = 0; j < N; ++j) {
            float value =
                instance_norm_affine((float(x[j]) - mean[j]) * rstd[j], gamma[j], beta[j]);
            if (out.relu && value <= 0) value = 0;
            y[j] = T(out.residual ? value + float(residual[j]) : value);
        }
        store(out.y + i, y);
    });
}

/// Everything in one reading of x: the blocks of a cluster (or one block) hold a slab on chip.
template <class T, int N>
__global__ void __launch_bounds__(slab_threads)
    instance_norm_forward_kernel(InstanceNormShape s, int parts, int64_t pixels, Global<const T> x,
                                 Outputs<T> out) {
    constexpr int channels = slab_channels<T>;
    __shared__ SharedArray<float, 2 * channels> local, whole;
    const SlabPlace<T, N> at(s, parts, pixels);
    const Shared<T> tile = dynamic_shared<T>();
    part_statistics(at, part_pixels(s, at.part, pixels), x, tile, local);

    cluster_sync();  // the other blocks' statistics are there
    if (threadIdx.x < channels)
        merge_parts(s, parts, pixels, channels, int(threadIdx.x), whole, [&](int r, int i) {
            return float(remote_shared(local.pointer(), unsigned(r))[i]);
        });
    cluster_sync();  // and have been read: now a block may leave
    apply<T, N>(at, out, whole, [&](int64_t, int64_t t) { return load<N>(tile + t); });
}

/// First of two kernels: a part's statistics to parts[n][part][slab][2 channels].
template <class T, int N>
__global__ void __launch_bounds__(slab_threads)
    instance_norm_statistics_kernel(InstanceNormShape s, int parts, int64_t pixels,
                                    Global<const T> x, Global<float> statistics) {
    constexpr int channels = slab_channels<T>;
    __shared__ SharedArray<float, 2 * channels> local;
    const SlabPlace<T, N> at(s, parts, pixels);
    part_statistics(at, part_pixels(s, at.part, pixels), x, dynamic_shared<T>(), local);
    __syncthreads();
    const int64_t slabs = gridDim.x / unsigned(parts), slab = blockIdx.x / unsigned(parts);
    const int64_t base = ((at.n * parts + at.part) * slabs + slab) * 2 * channels;
    for (int i = int(threadIdx.x); i < 2 * channels; i += slab_threads)
        statistics[base + i] = float(local[i]);
}

/// Second of two kernels. It takes the parts backwards: the last ones that the first kernel read
/// are still in the L2 cache.
template <class T, int N>
__global__ void __launch_bounds__(slab_threads)
    instance_norm_apply_kernel(InstanceNormShape s, int parts, int64_t pixels, Global<const T> x,
                               Global<const float> statistics, Outputs<T> out) {
    constexpr int channels = slab_channels<T>;
    __shared__ SharedArray<float, 2 * channels> whole;
    const SlabPlace<T, N> at = SlabPlace<T, N>(s, parts, pixels).reversed(s, parts, pixels);
    const int64_t slabs = gridDim.x / unsigned(parts), slab = blockIdx.x / unsigned(parts);
    if (threadIdx.x < channels)
        merge_parts(s, parts, pixels, channels, int(threadIdx.x), whole, [&](int r, int i) {
            return float(statistics[((at.n * parts + r) * slabs + slab) * 2 * channels + i]);
        });
    __syncthreads();
    apply<T, N>(at, out, whole, [&](int64_t i, int64_t) { return load<N>(x + i); });
}

// ---------------------------------------------------------------------------------------------
// Launchers

template <int N, class Device, class T>
void run(Device& device, const InstanceNormPlan& plan, const InstanceNormForwardArgs<T>& args) {
    const InstanceNormShape& s = args.shape;
    const Outputs<T> out{args.gamma, args.beta, args.residual, args.relu,
                         args.y,     args.mean, args.rstd};
    Launch config = slab_launch<T>("instance_norm_forward_kernel", s, plan);
    if (plan.kind != InstanceNormPlan::Kind::two_kernels)
        return launch(device, config, instance_norm_forward_kernel<T, N>, s, plan.parts,
                      plan.pixels, args.x, out);
    config.kernel = "instance_norm_statistics_kernel";
    config.shared = size_t(plan.pixels) * slab_bytes;
    launch(device, config, instance_norm_statistics_kernel<T, N>, s, plan.parts, plan.pixels,
           args.x, args.workspace);
    config.kernel = "instance_norm_apply_kernel";
    config.shared = 0;
    launch(device, config, instance_norm_apply_kernel<T, N>, s, plan.parts, plan.pixels, args.x,
           args.workspace, out);
}

}  // namespace

template <DeviceContext Device, class T>
void instance_norm_forward(Device& device, const InstanceNormPlan& plan,
                           const InstanceNormForwardArgs<T>& args) {
    check_instance_norm("instance_norm_forward", args.shape);
    if (slab_vectors<T>(args.shape.C, args.x, args.y, args.residual))
        run<vec_width<T>>(device, plan, args);
    else
        run<1>(device, plan, args);
}

template <DeviceContext Device, class T>
void instance_norm_forward(Device& device, const InstanceNormForwardArgs<T>& args) {
    instance_norm_forward(device, instance_norm_plan(device.properties(), args.shape.M, 1), args);
}

#define SG_INSTANTIATE(T)                                                                \
    template void instance_norm_forward(ThisDevice&, const InstanceNormForwardArgs<T>&); \
    template void instance_norm_forward(ThisDevice&, const InstanceNormPlan&,            \
                                        const InstanceNormForwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)

}  // namespace sg
