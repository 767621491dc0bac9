#include "kernels/instance_norm/backward.cuh"

// The derivative of backward is needed where the discriminator has instance norm (the paper's has
// none) and as an oracle, so it is kept plain: two kernels, each reading everything once.

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels. u is grad_grad_x; its pointers may be null: zero.

enum Sum { g, gx, u, ux, ug, sums };  ///< <g>, <g xh>, <u>, <u xh>, <u g>

template <class T>
struct Cotangents {
    Global<const T> u;
    Global<const float> grad_grad_gamma, grad_grad_beta;
};

template <int N, class T>
__device__ Vec<T, N> load_or_zero(Global<const T> p, int64_t i) {
    if (p) return load<N>(p + i);
    Vec<T, N> zero;
#pragma unroll
    for (int j = 0; j < N; ++j) zero[j] = T(0.0f);
    return zero;
}

template <class T, int N>
__global__ void __launch_bounds__(slab_threads)
    instance_norm_double_backward_sums_kernel(NormInputs<T> in, Cotangents<T> cotangents,
                                              Global<float> out) {
    __shared__ SharedArray<float, sums * slab_channels<T>> local;
    const SlabPlace<T, N> at(in.s, in.parts, in.pixels);
    const NormConstants<T, N> k(in, at);
    float own[sums][N] = {};
    at.each_pixel([&](int64_t i, int64_t) {
        const Vec<T, N> grad_y = load<N>(in.grad_y + i), x = load<N>(in.x + i);
        const Vec<T, N> uv = load_or_zero<N>(cotangents.u, i);
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const float xh = k.normalised(x[j], j), uj = float(uv[j]);
            const float gj = k.masked(grad_y[j], xh, j);
            own[g][j] += gj;
            own[gx][j] = fmaf(gj, xh, own[gx][j]);
            own[u][j] += uj;
            own[ux][j] = fmaf(uj, xh, own[ux][j]);
            own[ug][j] = fmaf(uj, gj, own[ug][j]);
        }
    });
    slab_sums<sums, T, N>(own, local);
    const int64_t base = part_sums<sums, T>(at.n, in.parts, at.part);
    for (int i = int(threadIdx.x); i < sums * slab_channels<T>; i += slab_threads)
        out[base + i] = float(local[i]);
}

template <class T>
struct DoubleBackwardOutputs {
    Global<T> grad_grad_y, grad_x;
    Global<float> images;  ///< [n][c]: this image's share of grad_gamma
};

template <class T, int N>
__global__ void __launch_bounds__(slab_threads)
    instance_norm_double_backward_apply_kernel(NormInputs<T> in, Cotangents<T> cotangents,
                                               Global<const float> partial,
                                               DoubleBackwardOutputs<T> out) {
    constexpr int channels = slab_channels<T>;
    __shared__ SharedArray<float, sums * channels> total;
    const auto at = SlabPlace<T, N>(in.s, in.parts, in.pixels).reversed(in.s, in.parts, in.pixels);
    const NormConstants<T, N> k(in, at);
    add_parts<sums, T>(in.parts, total, [&](int r, int i) {
        return float(partial[part_sums<sums, T>(at.n, in.parts, r) + i]);
    });
    __syncthreads();
    const float size = float(in.s.M);
    float mean[sums][N], E[N], vg[N], vb[N];
#pragma unroll
    for (int j = 0; j < N; ++j) {
#pragma unroll
        for (int i = 0; i < sums; ++i) mean[i][j] = total[i * channels + at.column * N + j] / size;
        E[j] = mean[ug][j] - mean[u][j] * mean[g][j] - mean[ux][j] * mean[gx][j];
        const bool has_gamma = at.inside && cotangents.grad_grad_gamma;
        const bool has_beta = at.inside && cotangents.grad_grad_beta;
        vg[j] = has_gamma ? float(cotangents.grad_grad_gamma[at.channel + j]) : 0.0f;
        vb[j] = has_beta ? float(cotangents.grad_grad_beta[at.channel + j]) : 0.0f;
        if (at.part == 0 && at.inside && int(threadIdx.x) < SlabPlace<T, N>::columns)
            out.images[at.n * at.C + at.channel + j] = k.rstd[j] * size * E[j];
    }
    at.each_pixel([&](int64_t i, int64_t) {
        const Vec<T, N> grad_y = load<N>(in.grad_y + i), x = load<N>(in.x + i);
        const Vec<T, N> uv = load_or_zero<N>(cotangents.u, i);
        Vec<T, N> second_y, second_x;
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const float xh = k.normalised(x[j], j), r = k.rstd[j], gamma = k.gamma[j];
            const float Pg = k.masked(grad_y[j], xh, j) - mean[g][j] - xh * mean[gx][j];
            const float Pu = float(uv[j]) - mean[u][j] - xh * mean[ux][j];
            const float open = k.masked(T(1.0f), xh, j);
            second_y[j] = T(open * (gamma * r * Pu + vg[j] * xh + vb[j]));
            second_x[j] = T(-gamma * r * r * (E[j] * xh + mean[gx][j] * Pu + mean[ux][j] * Pg) +
                            vg[j] * r * Pg);
        }
        store(out.grad_grad_y + i, second_y);
        store(out.grad_x + i, second_x);
    });
}

// ---------------------------------------------------------------------------------------------
// Launchers

template <int N, class Device, class T>
void run(Device& device, const InstanceNormDoubleBackwardArgs<T>& args) {
    const InstanceNormShape& s = args.shape;
    const InstanceNormPlan plan = two_kernel_plan(s.M);
    const NormInputs<T> in(args, plan);
    const Cotangents<T> cotangents{args.grad_grad_x, args.grad_grad_gamma, args.grad_grad_beta};
    float* images = args.workspace + part_sums_size<T>(s, plan.parts, sums);
    const DoubleBackwardOutputs<T> out{args.grad_grad_y, args.grad_x, images};
    launch(device, slab_launch<T>("instance_norm_double_backward_sums_kernel", s, plan),
           instance_norm_double_backward_sums_kernel<T, N>, in, cotangents, args.workspace);
    launch(device, slab_launch<T>("instance_norm_double_backward_apply_kernel", s, plan),
           instance_norm_double_backward_apply_kernel<T, N>, in, cotangents, args.workspace, out);
    launch(device, elementwise_launch(device.properties(), "sum_over_images_kernel", s.C),
           sum_over_images_kernel, s.N, s.C, 1, images, args.grad_gamma, args.grad_gamma);
}

}  // namespace

template <DeviceContext Device, class T>
void instance_norm_double_backward(Device& device, const InstanceNormDoubleBackwardArgs<T>& args) {
    check_instance_norm("instance_norm_double_backward", args.shape);
    if (slab_vectors<T>(args.shape.C, args.x, args.grad_y, args.grad_grad_x, args.grad_grad_y,
                        args.grad_x))
        run<vec_width<T>>(device, args);
    else
        run<1>(device, args);
}

#define SG_INSTANTIATE(T)                                    \
    template void instance_norm_double_backward(ThisDevice&, \
                                                const InstanceNormDoubleBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)

}  // namespace sg
