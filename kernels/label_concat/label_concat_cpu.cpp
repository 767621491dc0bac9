#include "kernels/label_concat/label_concat.h"

#include <vector>

#include "kernels/common/error.h"

namespace sg {

namespace {

// Pixels per task: enough work to be worth handing to a thread.
constexpr int64_t pixels_per_task = 1024;

template <class Body>
void for_each_pixel_block(const CpuContext& context, int64_t pixels, const Body& body) {
    const int64_t blocks = (pixels + pixels_per_task - 1) / pixels_per_task;
    parallel_for(context, blocks, [&](int64_t b) {
        const int64_t end = std::min(pixels, (b + 1) * pixels_per_task);
        for (int64_t i = b * pixels_per_task; i < end; ++i) body(i);
    });
}

}  // namespace

template <class T>
void label_concat_forward(CpuContext& context, const LabelConcatForwardArgs<T>& args) {
    const auto [N, M, C, L, x, labels, y, padding] = args;
    const int64_t width = C + L + padding;
    for_each_pixel_block(context, N * M, [=](int64_t i) {
        T* out = y + i * width;
        for (int64_t c = 0; c < C; ++c) out[c] = x[i * C + c];
        for (int64_t l = 0; l < L; ++l) out[C + l] = T(labels[i / M * L + l]);
        for (int64_t c = C + L; c < width; ++c) out[c] = T{0};
    });
}

template <class T>
void label_concat_backward(CpuContext& context, const LabelConcatBackwardArgs<T>& args) {
    const auto [N, M, C, L, grad_y, grad_x, padding] = args;
    const int64_t width = C + L + padding;
    for_each_pixel_block(context, N * M, [=](int64_t i) {
        for (int64_t c = 0; c < C; ++c) grad_x[i * C + c] = grad_y[i * width + c];
    });
}

void check_label_bias(const char* operation, const LabelBiasShape& s) {
    const bool positive = std::min({s.N, s.H, s.W, s.K, s.L, s.R}) > 0;
    require(
        positive && s.R % 2 == 1 && s.H >= s.R && s.W >= s.R, operation,
        "{} images of {}x{} (HxW), {} labels, {} channels and a {}x{} kernel; expected positive "
        "extents, an odd kernel and an image at least as large as it",
        s.N, s.H, s.W, s.L, s.K, s.R, s.R);
}

namespace {

/// A(i) of a row or column of `size` pixels.
int64_t class_of(int64_t i, int64_t size, int64_t R) {
    const int64_t p = (R - 1) / 2;
    return i < p ? i : i > size - 1 - p ? i - (size - R) : p;
}

/// out[i,j] = sum of in over the rows and columns related to i and to j: the taps that a class
/// sees, or the classes that see a tap, which is the same range.
template <class A>
void related_sums(int64_t R, const A* in, A* rows, A* out) {
    const int64_t p = (R - 1) / 2;
    const auto first = [=](int64_t i) { return std::max<int64_t>(0, p - i); };
    const auto last = [=](int64_t i) { return std::min(R - 1, R - 1 + p - i); };
    for (int64_t i = 0; i < R; ++i)
        for (int64_t s = 0; s < R; ++s) {
            A sum = 0;
            for (int64_t r = first(i); r <= last(i); ++r) sum += in[r * R + s];
            rows[i * R + s] = sum;
        }
    for (int64_t i = 0; i < R; ++i)
        for (int64_t j = 0; j < R; ++j) {
            A sum = 0;
            for (int64_t s = first(j); s <= last(j); ++s) sum += rows[i * R + s];
            out[i * R + j] = sum;
        }
}

}  // namespace

template <class A>
void label_bias_table(CpuContext& context, const LabelBiasTableArgs<A>& args) {
    const LabelBiasShape s = args.shape;
    check_label_bias("label_bias_table", s);
    const int64_t taps = s.R * s.R;
    parallel_for(context, s.N * s.K, [&](int64_t i) {
        const int64_t n = i / s.K, k = i % s.K;
        std::vector<A> by_tap(taps), rows(taps), by_class(taps);
        for (int64_t t = 0; t < taps; ++t) {
            const A* w = args.w + (k * taps + t) * args.w_stride;
            for (int64_t l = 0; l < s.L; ++l) by_tap[t] += args.labels[n * s.L + l] * w[l];
        }
        related_sums(s.R, by_tap.data(), rows.data(), by_class.data());
        for (int64_t t = 0; t < taps; ++t) args.table[(n * taps + t) * s.K + k] = by_class[t];
    });
}

template <class T>
void label_bias_forward(CpuContext& context, const LabelBiasForwardArgs<T>& args) {
    using A = acc_t<T>;
    const LabelBiasShape s = args.shape;
    check_label_bias("label_bias_forward", s);
    const int64_t p = s.p();
    parallel_for(context, s.N * s.H, [&](int64_t i) {
        const int64_t n = i / s.H, a = class_of(i % s.H, s.H, s.R);
        const A* table = args.table + n * s.R * s.R * s.K;
        const A* interior = table + (p * s.R + p) * s.K;
        for (int64_t w = 0; w < s.W; ++w) {
            const int64_t b = class_of(w, s.W, s.R);
            if (args.relative && a == p && b == p) continue;
            const A* bias = table + (a * s.R + b) * s.K;
            T* y = args.y + (i * s.W + w) * s.K;
            if (args.relative)
                for (int64_t k = 0; k < s.K; ++k) store(y[k], A(y[k]) + (bias[k] - interior[k]));
            else
                for (int64_t k = 0; k < s.K; ++k) store(y[k], A(y[k]) + bias[k]);
        }
    });
}

namespace {

/// sums[i,b,k] = the sum of grad_y over the pixels of column class b in row i of all N*H rows. With
/// `relative`, the interior is left out: its sum is zero.
template <class T>
void sum_columns(CpuContext& context, const LabelBiasBackwardArgs<T>& args, acc_t<T>* sums) {
    const LabelBiasShape s = args.shape;
    const int64_t p = s.p();
    parallel_for(context, s.N * s.H, [&](int64_t i) {
        acc_t<T>* out = sums + i * s.R * s.K;
        std::fill_n(out, s.R * s.K, acc_t<T>{0});
        const bool frame_only = args.relative && class_of(i % s.H, s.H, s.R) == p;
        for (int64_t w = 0; w < s.W; ++w) {
            const int64_t b = class_of(w, s.W, s.R);
            if (frame_only && b == p) continue;
            const T* grad_y = args.grad_y + (i * s.W + w) * s.K;
            for (int64_t k = 0; k < s.K; ++k) out[b * s.K + k] += acc_t<T>(grad_y[k]);
        }
    });
}

/// D[n,a,b,k] from the column sums.
template <class A>
void sum_class_rows(CpuContext& context, const LabelBiasShape& s, const A* sums, A* D) {
    const int64_t width = s.R * s.K;
    parallel_for(context, s.N * s.R, [&](int64_t i) {
        const int64_t n = i / s.R, a = i % s.R;
        std::fill_n(D + i * width, width, A{0});
        for (int64_t h = 0; h < s.H; ++h) {
            if (class_of(h, s.H, s.R) != a) continue;
            for (int64_t c = 0; c < width; ++c) D[i * width + c] += sums[(n * s.H + h) * width + c];
        }
    });
}

/// grad_w of channel k from D.
template <class T>
void grad_of_channel(const LabelBiasBackwardArgs<T>& args, const acc_t<T>* D, int64_t k) {
    using A = acc_t<T>;
    const LabelBiasShape s = args.shape;
    const int64_t taps = s.R * s.R, interior = s.p() * s.R + s.p();
    std::vector<A> by_class(taps), rows(taps), by_tap(taps);
    A* grad_w = args.grad_w + k * taps * args.w_stride;
    for (int64_t t = 0; t < taps; ++t) std::fill_n(grad_w + t * args.w_stride, s.L, A{0});
    for (int64_t n = 0; n < s.N; ++n) {
        A frame = 0;
        for (int64_t t = 0; t < taps; ++t) {
            by_class[t] = D[(n * taps + t) * s.K + k];
            if (t != interior) frame += by_class[t];
        }
        if (args.relative) by_class[interior] = -frame;
        related_sums(s.R, by_class.data(), rows.data(), by_tap.data());
        for (int64_t t = 0; t < taps; ++t)
            for (int64_t l = 0; l < s.L; ++l)
                grad_w[t * args.w_stride + l] += args.labels[n * s.L + l] * by_tap[t];
    }
}

}  // namespace

int64_t label_bias_workspace(const LabelBiasShape& s) {
    return s.N * (s.H + s.R) * s.R * s.K;  // sums per row, then D
}

template <class T>
void label_bias_backward(CpuContext& context, const LabelBiasBackwardArgs<T>& args) {
    const LabelBiasShape& s = args.shape;
    check_label_bias("label_bias_backward", s);
    acc_t<T>*sums = args.workspace, *D = sums + s.N * s.H * s.R * s.K;
    sum_columns(context, args, sums);
    sum_class_rows(context, s, sums, D);
    parallel_for(context, s.K, [&](int64_t k) { grad_of_channel(args, D, k); });
}

#define SG_INSTANTIATE(T)                                                                \
    template void label_concat_forward(CpuContext&, const LabelConcatForwardArgs<T>&);   \
    template void label_concat_backward(CpuContext&, const LabelConcatBackwardArgs<T>&); \
    template void label_bias_forward(CpuContext&, const LabelBiasForwardArgs<T>&);       \
    template void label_bias_backward(CpuContext&, const LabelBiasBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
SG_INSTANTIATE(double)

template void label_bias_table(CpuContext&, const LabelBiasTableArgs<float>&);
template void label_bias_table(CpuContext&, const LabelBiasTableArgs<double>&);

}  // namespace sg
