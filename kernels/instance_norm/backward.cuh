#pragma once

// What instance norm's two backward passes share: the constants of a thread's channels, the sums
// over the parts of a slab, and the parameter gradients' sum over images.

#include "kernels/common/elementwise.cuh"
#include "kernels/instance_norm/slab.cuh"

namespace sg {

/// Inputs of both passes.
template <class T>
struct NormInputs {
    InstanceNormShape s;
    int parts;
    int64_t pixels;
    Global<const T> grad_y, x;
    Global<const float> gamma, beta, mean, rstd;
    bool relu;

    template <class Args>
    NormInputs(const Args& args, const InstanceNormPlan& plan)
        : s(args.shape),
          parts(plan.parts),
          pixels(plan.pixels),
          grad_y(args.grad_y),
          x(args.x),
          gamma(args.gamma),
          beta(args.beta),
          mean(args.mean),
          rstd(args.rstd),
          relu(args.relu) {}
};

/// gamma, beta, mean and rstd of a thread's N channels.
template <class T, int N>
struct NormConstants {
    SlabValues<N> gamma, beta, mean, rstd;
    bool relu;

    __device__ NormConstants(const NormInputs<T>& in, const SlabPlace<T, N>& at)
        : gamma(in.gamma + at.channel, at.inside),
          beta(in.beta + at.channel, at.inside),
          mean(in.mean + (at.n * at.C + at.channel), at.inside),
          rstd(in.rstd + (at.n * at.C + at.channel), at.inside),
          relu(in.relu) {}

    __device__ float normalised(T x, int j) const { return (float(x) - mean[j]) * rstd[j]; }
    /// grad_y where forward's ReLU was open, else 0.
    __device__ float masked(T grad_y, float xh, int j) const {
        const bool closed = relu && instance_norm_affine(xh, gamma[j], beta[j]) <= 0;
        return closed ? 0.0f : float(grad_y);
    }
    /// Forward's result before its residual.
    __device__ float output(float xh, int j) const {
        const float value = instance_norm_affine(xh, gamma[j], beta[j]);
        return relu && value <= 0 ? 0.0f : value;
    }
};

/// total[i] = sum over parts r, in order, of sum(r, i): K sums for each channel of the slab.
template <int K, class T, class Sum>
__device__ void add_parts(int parts, Shared<float> total, const Sum& sum) {
    for (int i = int(threadIdx.x); i < K * slab_channels<T>; i += slab_threads) {
        float all = 0;
        for (int r = 0; r < parts; ++r) all += sum(r, i);
        total[i] = all;
    }
}

/// Where part r of the calling block's slab keeps its K sums per channel in the workspace.
template <int K, class T>
__device__ int64_t part_sums(int64_t n, int parts, int64_t r) {
    const int64_t slabs = gridDim.x / unsigned(parts), slab = blockIdx.x / unsigned(parts);
    return ((n * parts + r) * slabs + slab) * K * slab_channels<T>;
}

/// Elements in front of the per-image sums in the workspace: all parts' K sums.
template <class T>
int64_t part_sums_size(const InstanceNormShape& s, int parts, int K) {
    const int64_t slabs = (s.C + slab_channels<T> - 1) / slab_channels<T>;
    return s.N * parts * slabs * slab_channels<T> * K;
}

namespace {

/// out[k][c] = sum over n, in order, of in[k][n][c].
__global__ void sum_over_images_kernel(int64_t images, int64_t C, int64_t outputs,
                                       Global<const float> in, Global<float> first,
                                       Global<float> second) {
    for (int64_t i = grid_thread(); i < outputs * C; i += grid_threads()) {
        const int64_t k = i / C, c = i % C;
        float sum = 0;
        for (int64_t n = 0; n < images; ++n) sum += in[(k * images + n) * C + c];
        (k == 0 ? first : second)[c] = sum;
    }
}

}  // namespace

}  // namespace sg
