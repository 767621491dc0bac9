#include <cmath>

#include "kernels/common/error.h"
#include "kernels/instance_norm/cpu_sums.h"
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
    for_each_share(context, args.shape, [&, M = M, C = C](int64_t n, int64_t begin, int64_t end) {
        const T* x = args.x + n * M * C;
        const Moments<A> moments(x, M, C, begin, end);
        for (int64_t c = begin; c < end; ++c) {
            const A variance = A(moments.squares[size_t(c - begin)] / double(M));
            args.mean[n * C + c] = A(moments.mean[size_t(c - begin)]);
            args.rstd[n * C + c] = A{1} / std::sqrt(variance + A(instance_norm_eps));
        }
        T* y = args.y + n * M * C;
        const T* residual = args.residual ? args.residual + n * M * C : nullptr;
        for_each_run(M, begin, end, [&](int64_t m, int64_t m_end, int64_t c, auto width) {
            const SlabConstants<A> k(args, n, c, width);
            const bool relu = args.relu;
            for (; m < m_end; ++m)
                for (int j = 0; j < width; ++j) {
                    const int64_t i = m * C + c + j;
                    const A value = k.output(k.normalised(A(x[i]), j), j, relu);
                    store(y[i], residual ? value + A(residual[i]) : value);
                }
        });
    });
}

namespace {

/// Sums of g and g xh over the pixels of image n.
template <class T>
Totals<2> backward_sums(const InstanceNormBackwardArgs<T>& args, int64_t n, int64_t begin,
                        int64_t end) {
    using A = acc_t<T>;
    const int64_t M = args.shape.M, C = args.shape.C;
    const T *x = args.x + n * M * C, *grad_y = args.grad_y + n * M * C;
    Totals<2> sums(begin, end);
    for_each_run(M, begin, end, [&](int64_t m, int64_t m_end, int64_t c, auto width) {
        const SlabConstants<A> k(args, n, c, width);
        const bool relu = args.relu;
        sums.template add<A>(m, m_end, c, width, [&](int64_t pixel, int j, A* t) {
            const int64_t i = pixel * C + c + j;
            const A xh = k.normalised(A(x[i]), j);
            t[0] = A(grad_y[i]) * k.mask(xh, j, relu);
            t[1] = t[0] * xh;
        });
    });
    return sums;
}

/// grad_x of image n, and y where it is wanted. Results may replace operands: no value is read
/// after its place is written.
template <class T>
void backward_results(const InstanceNormBackwardArgs<T>& args, int64_t n, int64_t begin,
                      int64_t end, const Totals<2>& sums) {
    using A = acc_t<T>;
    const int64_t M = args.shape.M, C = args.shape.C;
    const T *x = args.x + n * M * C, *grad_y = args.grad_y + n * M * C;
    T *grad_x = args.grad_x + n * M * C, *y = args.y ? args.y + n * M * C : nullptr;
    for_each_run(M, begin, end, [&](int64_t m, int64_t m_end, int64_t c, auto width) {
        const SlabConstants<A> k(args, n, c, width);
        const bool relu = args.relu;
        Lanes<A> mean_g, mean_gx, scale;
        for (int j = 0; j < width; ++j) {
            mean_g[j] = A(sums(c + j, 0)) / A(M);
            mean_gx[j] = A(sums(c + j, 1)) / A(M);
            scale[j] = k.gamma[j] * k.rstd[j];
        }
        const auto pixels = [&](const auto& also) {
            for (int64_t pixel = m; pixel < m_end; ++pixel)
#pragma omp simd
                for (int j = 0; j < width; ++j) {
                    const int64_t i = pixel * C + c + j;
                    const A xh = k.normalised(A(x[i]), j);
                    const A g = A(grad_y[i]) * k.mask(xh, j, relu);
                    store(grad_x[i], scale[j] * (g - mean_g[j] - xh * mean_gx[j]));
                    also(i, j, xh);
                }
        };
        if (y)
            pixels([&](int64_t i, int j, A xh) { store(y[i], k.output(xh, j, relu)); });
        else
            pixels([](int64_t, int, A) {});
    });
}

}  // namespace

template <class T>
void instance_norm_backward(CpuContext& context, const InstanceNormBackwardArgs<T>& args) {
    using A = acc_t<T>;
    const auto [N, M, C] = args.shape;
    A* gamma_parts = args.workspace;
    A* beta_parts = args.workspace + N * C;
    for_each_share(context, args.shape, [&, C = C](int64_t n, int64_t begin, int64_t end) {
        const Totals<2> sums = backward_sums(args, n, begin, end);
        for (int64_t c = begin; c < end; ++c) {
            beta_parts[n * C + c] = A(sums(c, 0));
            gamma_parts[n * C + c] = A(sums(c, 1));
        }
        backward_results(args, n, begin, end, sums);
    });
    sum_over_images(args.shape, gamma_parts, args.grad_gamma);
    sum_over_images(args.shape, beta_parts, args.grad_beta);
}

namespace {

/// Sums of g, g xh, u, u xh and u g over the pixels of image n, with u = grad_grad_x.
template <class T>
Totals<5> double_backward_sums(const InstanceNormDoubleBackwardArgs<T>& args, int64_t n,
                               int64_t begin, int64_t end) {
    using A = acc_t<T>;
    const int64_t M = args.shape.M, C = args.shape.C;
    const T *x = args.x + n * M * C, *grad_y = args.grad_y + n * M * C;
    const T* u_in = args.grad_grad_x ? args.grad_grad_x + n * M * C : nullptr;
    Totals<5> sums(begin, end);
    for_each_run(M, begin, end, [&](int64_t m, int64_t m_end, int64_t c, auto width) {
        const SlabConstants<A> k(args, n, c, width);
        const bool relu = args.relu;
        sums.template add<A>(m, m_end, c, width, [&](int64_t pixel, int j, A* t) {
            const int64_t i = pixel * C + c + j;
            const A xh = k.normalised(A(x[i]), j), u = u_in ? A(u_in[i]) : A{0};
            const A g = A(grad_y[i]) * k.mask(xh, j, relu);
            t[0] = g, t[1] = g * xh, t[2] = u, t[3] = u * xh, t[4] = u * g;
        });
    });
    return sums;
}

/// Both results of image n, and its share of grad_gamma.
template <class T>
void double_backward_results(const InstanceNormDoubleBackwardArgs<T>& args, int64_t n,
                             int64_t begin, int64_t end, const Totals<5>& sums) {
    using A = acc_t<T>;
    const int64_t M = args.shape.M, C = args.shape.C;
    const T *x = args.x + n * M * C, *grad_y = args.grad_y + n * M * C;
    const T* u_in = args.grad_grad_x ? args.grad_grad_x + n * M * C : nullptr;
    for_each_run(M, begin, end, [&](int64_t m, int64_t m_end, int64_t c, auto width) {
        const SlabConstants<A> k(args, n, c, width);
        const bool relu = args.relu;
        Lanes<A> mean[5], E, vg, vb;
        for (int j = 0; j < width; ++j) {
            for (int term = 0; term < 5; ++term) mean[term][j] = A(sums(c + j, term)) / A(M);
            E[j] = mean[4][j] - mean[2][j] * mean[0][j] - mean[3][j] * mean[1][j];
            vg[j] = args.grad_grad_gamma ? args.grad_grad_gamma[c + j] : A{0};
            vb[j] = args.grad_grad_beta ? args.grad_grad_beta[c + j] : A{0};
            args.workspace[n * C + c + j] = k.rstd[j] * A(M) * E[j];
        }
        for (int64_t pixel = m; pixel < m_end; ++pixel)
            for (int j = 0; j < width; ++j) {
                const int64_t i = pixel * C + c + j;
                const A xh = k.normalised(A(x[i]), j), r = k.rstd[j];
                const A mask = k.mask(xh, j, relu), u = u_in ? A(u_in[i]) : A{0};
                const A Pg = A(grad_y[i]) * mask - mean[0][j] - xh * mean[1][j];
                const A Pu = u - mean[2][j] - xh * mean[3][j];
                store(args.grad_grad_y[n * M * C + i],
                      mask * (k.gamma[j] * r * Pu + vg[j] * xh + vb[j]));
                store(args.grad_x[n * M * C + i],
                      -k.gamma[j] * r * r * (E[j] * xh + mean[1][j] * Pu + mean[3][j] * Pg) +
                          vg[j] * r * Pg);
            }
    });
}

}  // namespace

template <class T>
void instance_norm_double_backward(CpuContext& context,
                                   const InstanceNormDoubleBackwardArgs<T>& args) {
    for_each_share(context, args.shape, [&](int64_t n, int64_t begin, int64_t end) {
        double_backward_results(args, n, begin, end, double_backward_sums(args, n, begin, end));
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
