#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/common/error.h"
#include "kernels/instance_norm/plan.h"

namespace sg {

int64_t instance_norm_workspace(const InstanceNormShape& shape) {
    // At most five sums per part and channel, channels rounded up to whole slabs (of 32 in bf16);
    // then two sums per image and channel.
    const int64_t parts = (shape.M + instance_norm_part - 1) / instance_norm_part;
    const int64_t channels = (shape.C + 31) / 32 * 32;
    return shape.N * channels * (5 * parts + 2);
}

void check_instance_norm(const char* operation, const InstanceNormShape& s) {
    require(s.N > 0 && s.M > 0 && s.C > 0 && s.N <= 65535, operation,
            "x is [{}, {}, {}]; expected at least 1 of each and at most 65535 images", s.N, s.M,
            s.C);
}

namespace {

// Channels handled together: one 64-byte vector of f32. A slab of one image (M rows of 16
// channels) stays in the core's second-level cache between the passes.
constexpr int slab = 16;

/// Calls body(n, c0, width) for every image and slab of channels; `width` is a compile-time 16
/// except for the last, partial slab, so that the inner loops become single vectors.
template <class Body>
void for_each_slab(const CpuContext& context, const InstanceNormShape& shape, const Body& body) {
    const int64_t slabs = (shape.C + slab - 1) / slab;
    parallel_for(context, shape.N * slabs, [&](int64_t i) {
        const int64_t n = i / slabs, c0 = i % slabs * slab;
        if (shape.C - c0 >= slab)
            body(n, c0, std::integral_constant<int, slab>{});
        else
            body(n, c0, int(shape.C - c0));
    });
}

/// One value per channel of a slab.
template <class A>
struct Lanes {
    A v[slab] = {};
    A& operator[](int j) { return v[j]; }
    const A& operator[](int j) const { return v[j]; }
};

/// body(index in the slab's tensor, channel) for every pixel and channel of a slab. Results may
/// replace operands element by element: lanes do not see each other's.
template <class Width, class Body>
void for_each_lane(int64_t M, int64_t C, Width width, const Body& body) {
    const int count = width;
    for (int64_t m = 0; m < M; ++m) {
#pragma omp simd
        for (int j = 0; j < count; ++j) body(m * C + j, j);
    }
}

/// sums[k][j] = sum over the M pixels of term(m, j)[k]. Runs of 64 pixels are added up in A, the
/// runs in double: an f32 sum over a large image would lose two digits of the statistics.
template <int terms, class A, class Width, class Term>
void pixel_sums(int64_t M, Width width, Lanes<A> (&sums)[terms], const Term& term) {
    constexpr int64_t run = 64;
    Lanes<double> total[terms];
    for (int64_t begin = 0; begin < M; begin += run) {
        Lanes<A> partial[terms];
        const int64_t end = std::min(M, begin + run);
        for (int64_t m = begin; m < end; ++m)
            for (int j = 0; j < width; ++j) {
                A values[terms];
                term(m, j, values);
                for (int k = 0; k < terms; ++k) partial[k][j] += values[k];
            }
        for (int k = 0; k < terms; ++k)
            for (int j = 0; j < width; ++j) total[k][j] += double(partial[k][j]);
    }
    for (int k = 0; k < terms; ++k)
        for (int j = 0; j < width; ++j) sums[k][j] = A(total[k][j]);
}

/// out[c] = sum over n of in[n, c].
template <class A>
void sum_over_images(const InstanceNormShape& shape, const A* in, A* out) {
    for (int64_t c = 0; c < shape.C; ++c) out[c] = 0;
    for (int64_t n = 0; n < shape.N; ++n)
        for (int64_t c = 0; c < shape.C; ++c) out[c] += in[n * shape.C + c];
}

/// Per-channel constants of a slab, loaded once before the pixel loops.
template <class A>
struct SlabConstants {
    Lanes<A> gamma, beta, mean, rstd;

    template <class Args, class Width>
    SlabConstants(const Args& args, int64_t n, int64_t c0, Width width) {
        for (int j = 0; j < width; ++j) {
            gamma[j] = args.gamma[c0 + j];
            beta[j] = args.beta[c0 + j];
            mean[j] = args.mean[n * args.shape.C + c0 + j];
            rstd[j] = args.rstd[n * args.shape.C + c0 + j];
        }
    }
    A normalised(A x, int j) const { return (x - mean[j]) * rstd[j]; }
    /// Forward's result before its residual.
    A output(A xh, int j, bool relu) const {
        const A value = gamma[j] * xh + beta[j];
        return relu && value <= 0 ? A{0} : value;
    }
    /// 1 where the forward pass was positive before its ReLU, else 0; 1 without a ReLU.
    A mask(A xh, int j, bool relu) const {
        return relu && gamma[j] * xh + beta[j] <= 0 ? A{0} : A{1};
    }
};

}  // namespace

template <class T>
void instance_norm_forward(CpuContext& context, const InstanceNormForwardArgs<T>& args) {
    using A = acc_t<T>;
    const auto [N, M, C] = args.shape;
    for_each_slab(context, args.shape, [&, M = M, C = C](int64_t n, int64_t c0, auto width) {
        const int64_t base = n * M * C + c0;
        const T* x = args.x + base;
        Lanes<A> sums[1];
        pixel_sums(M, width, sums, [&](int64_t m, int j, A* t) { t[0] = A(x[m * C + j]); });
        Lanes<A> mean;
        for (int j = 0; j < width; ++j) mean[j] = sums[0][j] / A(M);
        pixel_sums(M, width, sums, [&](int64_t m, int j, A* t) {
            const A d = A(x[m * C + j]) - mean[j];
            t[0] = d * d;
        });
        for (int j = 0; j < width; ++j) {
            args.mean[n * C + c0 + j] = mean[j];
            args.rstd[n * C + c0 + j] = A{1} / std::sqrt(sums[0][j] / A(M) + A(instance_norm_eps));
        }
        const SlabConstants<A> k(args, n, c0, width);
        T* y = args.y + base;
        const T* residual = args.residual ? args.residual + base : nullptr;
        const bool relu = args.relu;
        for (int64_t m = 0; m < M; ++m)
            for (int j = 0; j < width; ++j) {
                const A value = k.output(k.normalised(A(x[m * C + j]), j), j, relu);
                store(y[m * C + j], residual ? value + A(residual[m * C + j]) : value);
            }
    });
}

template <class T>
void instance_norm_backward(CpuContext& context, const InstanceNormBackwardArgs<T>& args) {
    using A = acc_t<T>;
    const auto [N, M, C] = args.shape;
    A* gamma_parts = args.workspace;
    A* beta_parts = args.workspace + N * C;
    for_each_slab(context, args.shape, [&, M = M, C = C](int64_t n, int64_t c0, auto width) {
        const SlabConstants<A> k(args, n, c0, width);
        const int64_t base = n * M * C + c0;
        const T *x = args.x + base, *grad_y = args.grad_y + base;
        T* grad_x = args.grad_x + base;
        const bool relu = args.relu;
        Lanes<A> sums[2];  // sum g, sum g xh
        pixel_sums(M, width, sums, [&](int64_t m, int j, A* t) {
            const A xh = k.normalised(A(x[m * C + j]), j);
            t[0] = A(grad_y[m * C + j]) * k.mask(xh, j, relu);
            t[1] = t[0] * xh;
        });
        Lanes<A> mean_g, mean_gx, scale;
        for (int j = 0; j < width; ++j) {
            beta_parts[n * C + c0 + j] = sums[0][j];
            gamma_parts[n * C + c0 + j] = sums[1][j];
            mean_g[j] = sums[0][j] / A(M);
            mean_gx[j] = sums[1][j] / A(M);
            scale[j] = k.gamma[j] * k.rstd[j];
        }
        const auto gradient = [&](int64_t i, int j, A xh) {
            const A g = A(grad_y[i]) * k.mask(xh, j, relu);
            store(grad_x[i], scale[j] * (g - mean_g[j] - xh * mean_gx[j]));
        };
        T* y = args.y ? args.y + base : nullptr;
        if (!y)
            for_each_lane(M, C, width,
                          [&](int64_t i, int j) { gradient(i, j, k.normalised(A(x[i]), j)); });
        else
            for_each_lane(M, C, width, [&](int64_t i, int j) {
                const A xh = k.normalised(A(x[i]), j);
                gradient(i, j, xh);
                store(y[i], k.output(xh, j, relu));
            });
    });
    sum_over_images(args.shape, gamma_parts, args.grad_gamma);
    sum_over_images(args.shape, beta_parts, args.grad_beta);
}

template <class T>
void instance_norm_double_backward(CpuContext& context,
                                   const InstanceNormDoubleBackwardArgs<T>& args) {
    using A = acc_t<T>;
    const auto [N, M, C] = args.shape;
    for_each_slab(context, args.shape, [&, M = M, C = C](int64_t n, int64_t c0, auto width) {
        const SlabConstants<A> k(args, n, c0, width);
        const int64_t base = n * M * C + c0;
        const T *x = args.x + base, *grad_y = args.grad_y + base;
        const T* u_in = args.grad_grad_x ? args.grad_grad_x + base : nullptr;
        const bool relu = args.relu;
        const auto u_at = [&](int64_t m, int j) { return u_in ? A(u_in[m * C + j]) : A{0}; };
        Lanes<A> mean[5];  // <g>, <g xh>, <u>, <u xh>, <u g>
        pixel_sums(M, width, mean, [&](int64_t m, int j, A* t) {
            const A xh = k.normalised(A(x[m * C + j]), j), u = u_at(m, j);
            const A g = A(grad_y[m * C + j]) * k.mask(xh, j, relu);
            t[0] = g, t[1] = g * xh, t[2] = u, t[3] = u * xh, t[4] = u * g;
        });
        Lanes<A> E, vg, vb;
        for (int j = 0; j < width; ++j) {
            for (auto& sum : mean) sum[j] /= A(M);
            E[j] = mean[4][j] - mean[2][j] * mean[0][j] - mean[3][j] * mean[1][j];
            vg[j] = args.grad_grad_gamma ? args.grad_grad_gamma[c0 + j] : A{0};
            vb[j] = args.grad_grad_beta ? args.grad_grad_beta[c0 + j] : A{0};
            args.workspace[n * C + c0 + j] = k.rstd[j] * A(M) * E[j];
        }
        for (int64_t m = 0; m < M; ++m)
            for (int j = 0; j < width; ++j) {
                const A xh = k.normalised(A(x[m * C + j]), j), r = k.rstd[j];
                const A mask = k.mask(xh, j, relu);
                const A Pg = A(grad_y[m * C + j]) * mask - mean[0][j] - xh * mean[1][j];
                const A Pu = u_at(m, j) - mean[2][j] - xh * mean[3][j];
                store(args.grad_grad_y[base + m * C + j],
                      mask * (k.gamma[j] * r * Pu + vg[j] * xh + vb[j]));
                store(args.grad_x[base + m * C + j],
                      -k.gamma[j] * r * r * (E[j] * xh + mean[1][j] * Pu + mean[3][j] * Pg) +
                          vg[j] * r * Pg);
            }
    });
    sum_over_images(args.shape, args.workspace, args.grad_gamma);
}

#define SG_INSTANTIATE(T)                                                                  \
    template void instance_norm_forward(CpuContext&, const InstanceNormForwardArgs<T>&);   \
    template void instance_norm_backward(CpuContext&, const InstanceNormBackwardArgs<T>&); \
    template void instance_norm_double_backward(CpuContext&,                               \
                                                const InstanceNormDoubleBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
SG_INSTANTIATE(double)

}  // namespace sg
