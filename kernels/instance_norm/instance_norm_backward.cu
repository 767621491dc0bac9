#include "kernels/instance_norm/backward.cuh"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels

/// This part's sums of g and g xh, per channel: local[c] and local[channels + c].
template <class T, int N, class Read>
__device__ void local_sums(const SlabPlace<T, N>& at, const NormConstants<T, N>& k,
                           Shared<float> local, const Read& read) {
    float own[2][N] = {};
    at.each_pixel([&](int64_t i, int64_t t) {
        const auto [grad_y, x] = read(i, t);
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const float xh = k.normalised(x[j], j), g = k.masked(grad_y[j], xh, j);
            own[0][j] += g;
            own[1][j] = fmaf(g, xh, own[1][j]);
        }
    });
    slab_sums<2, T, N>(own, local);
}

/// Where a backward pass puts its results, apart from the parameters' gradients; y may be null.
template <class T>
struct Gradients {
    Global<T> grad_x, y;
    Global<float> images;
};

/// grad_x (and forward's y, if wanted) of this block's pixels from the slab's sums of g and g xh;
/// and, once per slab, those sums to images[1][n][c] and images[0][n][c]: this image's share of
/// grad_beta and grad_gamma.
template <class T, int N, class Read>
__device__ void write_gradient(const NormInputs<T>& in, const SlabPlace<T, N>& at,
                               const NormConstants<T, N>& k, Shared<float> total,
                               const Gradients<T>& out, const Read& read) {
    constexpr int channels = slab_channels<T>;
    const float size = float(in.s.M);
    float mean_g[N], mean_gx[N];
#pragma unroll
    for (int j = 0; j < N; ++j) {
        const float sum_g = total[at.column * N + j], sum_gx = total[channels + at.column * N + j];
        mean_g[j] = sum_g / size;
        mean_gx[j] = sum_gx / size;
        if (at.part == 0 && at.inside && int(threadIdx.x) < SlabPlace<T, N>::columns) {
            out.images[at.n * at.C + at.channel + j] = sum_gx;
            out.images[(in.s.N + at.n) * at.C + at.channel + j] = sum_g;
        }
    }
    at.each_pixel([&](int64_t i, int64_t t) {
        const auto [grad_y, x] = read(i, t);
        Vec<T, N> grad_x, y;
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const float xh = k.normalised(x[j], j), g = k.masked(grad_y[j], xh, j);
            grad_x[j] = T(k.gamma[j] * k.rstd[j] * (g - mean_g[j] - xh * mean_gx[j]));
            y[j] = T(k.output(xh, j));
        }
        store(out.grad_x + i, grad_x);
        if (out.y) store(out.y + i, y);
    });
}

template <class T, int N>
struct Pair {
    Vec<T, N> grad_y, x;
};

/// Everything in one reading of grad_y and x, held on chip by the blocks of a slab.
template <class T, int N>
__global__ void __launch_bounds__(slab_threads, 2)
    instance_norm_backward_kernel(NormInputs<T> in, int64_t tile_size, Gradients<T> out) {
    __shared__ SharedArray<float, 2 * slab_channels<T>> local, total;
    const SlabPlace<T, N> at(in.s, in.parts, in.pixels);
    const NormConstants<T, N> k(in, at);
    const Shared<T> grad_y = dynamic_shared<T>(), x = grad_y + tile_size;
    at.each_pixel([&](int64_t i, int64_t t) {
        stage<T, N>(grad_y + t, in.grad_y + i);
        stage<T, N>(x + t, in.x + i);
    });
    copy_async_commit();
    copy_async_wait<0>();  // own values only: no barrier
    const auto read = [&](int64_t, int64_t t) {
        return Pair<T, N>{load<N>(grad_y + t), load<N>(x + t)};
    };
    local_sums<T, N>(at, k, local, read);

    cluster_sync();  // the other blocks' sums are there
    add_parts<2, T>(in.parts, total, [&](int r, int i) {
        return float(remote_shared(local.pointer(), unsigned(r))[i]);
    });
    cluster_sync();  // and have been read: now a block may leave
    write_gradient<T, N>(in, at, k, total, out, read);
}

/// First of two kernels: a part's sums to the workspace.
template <class T, int N>
__global__ void __launch_bounds__(slab_threads, 2)
    instance_norm_backward_sums_kernel(NormInputs<T> in, Global<float> sums) {
    __shared__ SharedArray<float, 2 * slab_channels<T>> local;
    const SlabPlace<T, N> at(in.s, in.parts, in.pixels);
    const NormConstants<T, N> k(in, at);
    local_sums<T, N>(at, k, local, [&](int64_t i, int64_t) {
        return Pair<T, N>{load<N>(in.grad_y + i), load<N>(in.x + i)};
    });
    const int64_t base = part_sums<2, T>(at.n, in.parts, at.part);
    for (int i = int(threadIdx.x); i < 2 * slab_channels<T>; i += slab_threads)
        sums[base + i] = float(local[i]);
}

/// Second of two kernels; the parts backwards, for what is left in the L2 cache.
template <class T, int N>
__global__ void __launch_bounds__(slab_threads, 2)
    instance_norm_backward_apply_kernel(NormInputs<T> in, Global<const float> sums,
                                        Gradients<T> out) {
    __shared__ SharedArray<float, 2 * slab_channels<T>> total;
    const auto at = SlabPlace<T, N>(in.s, in.parts, in.pixels).reversed(in.s, in.parts, in.pixels);
    const NormConstants<T, N> k(in, at);
    add_parts<2, T>(in.parts, total, [&](int r, int i) {
        return float(sums[part_sums<2, T>(at.n, in.parts, r) + i]);
    });
    __syncthreads();
    write_gradient<T, N>(in, at, k, total, out, [&](int64_t i, int64_t) {
        return Pair<T, N>{load<N>(in.grad_y + i), load<N>(in.x + i)};
    });
}

// ---------------------------------------------------------------------------------------------
// Launchers

template <int N, class Device, class T>
void run(Device& device, const InstanceNormPlan& plan, const InstanceNormBackwardArgs<T>& args) {
    const InstanceNormShape& s = args.shape;
    const NormInputs<T> in(args, plan);
    float* images = args.workspace + part_sums_size<T>(s, plan.parts, 2);
    const Gradients<T> out{args.grad_x, args.y, images};
    Launch config = slab_launch<T>("instance_norm_backward_kernel", s, plan);
    if (plan.kind != InstanceNormPlan::Kind::two_kernels) {
        const int64_t tile_size = int64_t(plan.shared / 2 / sizeof(T));
        launch(device, config, instance_norm_backward_kernel<T, N>, in, tile_size, out);
    } else {
        config.kernel = "instance_norm_backward_sums_kernel";
        launch(device, config, instance_norm_backward_sums_kernel<T, N>, in, args.workspace);
        config.kernel = "instance_norm_backward_apply_kernel";
        launch(device, config, instance_norm_backward_apply_kernel<T, N>, in, args.workspace, out);
    }
    launch(device, elementwise_launch(device.properties(), "sum_over_images_kernel", 2 * s.C),
           sum_over_images_kernel, s.N, s.C, 2, images, args.grad_gamma, args.grad_beta);
}

}  // namespace

template <DeviceContext Device, class T>
void instance_norm_backward(Device& device, const InstanceNormPlan& plan,
                            const InstanceNormBackwardArgs<T>& args) {
    check_instance_norm("instance_norm_backward", args.shape);
    if (slab_vectors<T>(args.shape.C, args.x, args.grad_y, args.grad_x, args.y))
        run<vec_width<T>>(device, plan, args);
    else
        run<1>(device, plan, args);
}

template <DeviceContext Device, class T>
void instance_norm_backward(Device& device, const InstanceNormBackwardArgs<T>& args) {
    instance_norm_backward(device, instance_norm_plan(device.properties(), args.shape.M, 2), args);
}

#define SG_INSTANTIATE(T)                                                                  \
    template void instance_norm_backward(ThisDevice&, const InstanceNormBackwardArgs<T>&); \
    template void instance_norm_backward(ThisDevice&, const InstanceNormPlan&,             \
                                         const InstanceNormBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)

}  // namespace sg
