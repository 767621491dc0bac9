#include <type_traits>

#include "kernels/common/elementwise.cuh"
#include "kernels/common/piece.h"
#include "kernels/label_concat/label_concat.h"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels of the factored form. README.md draws who reads what. The shape alone decides the order
// in which sums are added.

/// A(i) of a row or column of `size` pixels.
__device__ int64_t class_of(int64_t i, int64_t size, int64_t R) {
    const int64_t p = (R - 1) / 2;
    return i < p ? i : i > size - 1 - p ? i - (size - R) : p;
}

/// Number i of the R-1 classes other than p, and the only row or column of that class.
__device__ int64_t frame_class(int64_t i, int64_t R) {
    return i < (R - 1) / 2 ? i : i + 1;
}
__device__ int64_t frame_place(int64_t i, int64_t size, int64_t R) {
    return i < (R - 1) / 2 ? i : i + 1 + size - R;
}

/// A block's share of a one-dimensional grid of (item, tile of `width` channels).
struct Tile {
    int64_t item, k0, count;  ///< channels k0 ... k0 + count - 1
};
template <int width>
__device__ Tile tile_of_block(int64_t K) {
    const int64_t tiles = pieces_of(K, width), k0 = blockIdx.x % tiles * width;
    return {blockIdx.x / tiles, k0, min(K - k0, int64_t{width})};
}

constexpr int channels = 8;  // of a block: 32 bytes of a table's row, which is one sector

/// For entries in[i,j,k] of `channels` channels in shared memory, calls
/// emit(t, k, sum of in over the rows and columns related to tap or class t): first along the rows,
/// then along the columns. The block's threads all arrive; `in` need not be complete before.
template <class Emit>
__device__ void related_sums(int64_t R, Shared<const float> in, Shared<float> rows,
                             const Emit& emit) {
    const int64_t p = (R - 1) / 2, count = R * R * channels;
    const auto first = [=](int64_t i) { return i < p ? p - i : 0; };
    const auto last = [=](int64_t i) { return i < p ? R - 1 : R - 1 + p - i; };
    __syncthreads();
    for (int64_t e = threadIdx.x; e < count; e += blockDim.x) {
        const int64_t i = e / (R * channels), rest = e % (R * channels);
        float sum = 0;
        for (int64_t r = first(i); r <= last(i); ++r) sum += in[r * R * channels + rest];
        rows[e] = sum;
    }
    __syncthreads();
    for (int64_t e = threadIdx.x; e < count; e += blockDim.x) {
        const int64_t t = e / channels, k = e % channels;
        float sum = 0;
        for (int64_t s = first(t % R); s <= last(t % R); ++s)
            sum += rows[(t / R * R + s) * channels + k];
        emit(t, k, sum);
    }
}

/// A block per image and tile of channels: the taps' products with the labels, then their sums.
__global__ void label_bias_table_kernel(LabelBiasShape s, Global<const float> labels,
                                        Global<const float> w, int64_t w_stride,
                                        Global<float> table) {
    const auto [n, k0, wanted] = tile_of_block<channels>(s.K);
    const int64_t taps = s.R * s.R;
    const auto by_tap = dynamic_shared<float>();
    for (int64_t e = threadIdx.x; e < taps * channels; e += blockDim.x) {
        const int64_t t = e % taps, k = e / taps;  // along the weights' rows
        float sum = 0;
        for (int64_t j = 0; k < wanted && j < s.L; ++j)
            sum += labels[n * s.L + j] * w[((k0 + k) * taps + t) * w_stride + j];
        by_tap[t * channels + k] = sum;
    }
    related_sums(s.R, by_tap, by_tap + taps * channels, [=](int64_t c, int64_t k, float sum) {
        if (k < wanted) table[(n * taps + c) * s.K + k0 + k] = sum;
    });
}

struct Pixel {
    int64_t h, w;
};

__host__ __device__ int64_t frame_pixels(const LabelBiasShape& s) {
    return s.H * s.W - (s.H - s.R + 1) * (s.W - s.R + 1);
}

/// Pixel f of the frame: its R-1 entire rows, then what is left of its R-1 columns.
__device__ Pixel frame_pixel(const LabelBiasShape& s, int64_t f) {
    const int64_t full = s.R - 1;
    if (f < full * s.W) return {frame_place(f / s.W, s.H, s.R), f % s.W};
    const int64_t rest = f - full * s.W;
    return {full / 2 + rest / full, frame_place(rest % full, s.W, s.R)};
}

/// V channels of a pixel per thread and step.
template <int V, bool relative, class T>
__global__ void label_bias_forward_kernel(LabelBiasShape s, Global<const float> table,
                                          Global<T> y) {
    constexpr int part = V < 4 ? V : 4;  // of the table, in one access
    const int64_t p = (s.R - 1) / 2, vectors = s.K / V;
    const int64_t pixels = relative ? frame_pixels(s) : s.H * s.W;
    for (int64_t i = grid_thread(); i < s.N * pixels * vectors; i += grid_threads()) {
        const int64_t pixel = i / vectors, k = i % vectors * V;
        const int64_t n = pixel / pixels, f = pixel % pixels;
        const Pixel at = relative ? frame_pixel(s, f) : Pixel{f / s.W, f % s.W};
        const auto row = [&](int64_t a, int64_t b) { return ((n * s.R + a) * s.R + b) * s.K + k; };
        const int64_t entry = row(class_of(at.h, s.H, s.R), class_of(at.w, s.W, s.R));
        const Global<T> to = y + ((n * s.H + at.h) * s.W + at.w) * s.K + k;
        Vec<T, V> values = load<V>(to);
#pragma unroll
        for (int v = 0; v < V; v += part) {
            Vec<float, part> bias = load<part>(table + entry + v);
            if constexpr (relative) {
                const Vec<float, part> interior = load<part>(table + row(p, p) + v);
#pragma unroll
                for (int j = 0; j < part; ++j) bias[j] -= interior[j];
            }
#pragma unroll
            for (int j = 0; j < part; ++j) values[v + j] = T(float(values[v + j]) + bias[j]);
        }
        store(to, values);
    }
}

constexpr int columns = 8, phases = 32;  // threads of a block that sums a line of pixels

/// out[k] = sum over i < count of x[i*step + k], for k < wanted and this block's V * columns
/// channels. Thread (column, phase) adds every 32nd pixel, then the phases are added in order.
template <int V, class T>
__device__ void sum_line(Global<const T> x, int64_t step, int64_t count, int64_t wanted,
                         Global<float> out) {
    constexpr int stride = columns * phases + columns;  // the padding spreads v over the banks
    __shared__ SharedArray<float, V * stride> partial;
    const int thread = int(threadIdx.x), column = thread % columns, phase = thread / columns;
    float sums[V] = {};
#pragma unroll 4
    for (int64_t i = phase; column * V < wanted && i < count; i += phases) {
        const Vec<T, V> values = load<V>(x + i * step + column * V);
#pragma unroll
        for (int v = 0; v < V; ++v) sums[v] += float(values[v]);
    }
#pragma unroll
    for (int v = 0; v < V; ++v) partial[v * stride + thread] = sums[v];
    __syncthreads();
    const int v = thread / columns, k = column * V + v;
    if (v >= V || k >= wanted) return;  // no barrier follows
    float sum = 0;
    for (int i = 0; i < phases; ++i) sum += partial[v * stride + i * columns + column];
    out[k] = sum;
}

/// D of the frame's classes and, unless `relative`, the sums of the interior's rows, rows[n,h-p,k].
/// A block per image, line and tile of channels. Lines: the frame's R-1 rows without the corners,
/// its R-1 columns likewise, the interior's rows. The corners are copied by the blocks of the rows.
template <int V, class T>
__global__ void class_sums_kernel(LabelBiasShape s, int64_t lines, Global<const T> grad_y,
                                  Global<float> D, Global<float> rows) {
    const auto [item, k0, wanted] = tile_of_block<V * columns>(s.K);
    const int64_t p = (s.R - 1) / 2, n = item / lines, line = item % lines;
    const Global<const T> image = grad_y + n * s.H * s.W * s.K + k0;
    const Global<float> classes = D + n * s.R * s.R * s.K + k0;
    if (line < 2 * p) {
        const int64_t a = frame_class(line, s.R), h = frame_place(line, s.H, s.R);
        for (int64_t e = threadIdx.x; e < 2 * p * wanted; e += blockDim.x) {
            const int64_t i = e / wanted, k = e % wanted;
            classes[(a * s.R + frame_class(i, s.R)) * s.K + k] =
                float(image[(h * s.W + frame_place(i, s.W, s.R)) * s.K + k]);
        }
        sum_line<V>(image + (h * s.W + p) * s.K, s.K, s.W - 2 * p, wanted,
                    classes + (a * s.R + p) * s.K);
    } else if (line < 4 * p) {
        const int64_t i = line - 2 * p, w = frame_place(i, s.W, s.R);
        sum_line<V>(image + (p * s.W + w) * s.K, s.W * s.K, s.H - 2 * p, wanted,
                    classes + (p * s.R + frame_class(i, s.R)) * s.K);
    } else {
        const int64_t h = line - 4 * p;
        sum_line<V>(image + ((h + p) * s.W + p) * s.K, s.K, s.W - 2 * p, wanted,
                    rows + (n * (s.H - 2 * p) + h) * s.K + k0);
    }
}

/// D of the interior from its rows.
__global__ void interior_sums_kernel(LabelBiasShape s, Global<const float> rows, Global<float> D) {
    const auto [n, k0, wanted] = tile_of_block<columns>(s.K);
    const int64_t height = s.H - s.R + 1;
    sum_line<1>(rows + n * height * s.K + k0, s.K, height, wanted,
                D + (n * s.R * s.R + s.R * s.R / 2) * s.K + k0);
}

/// A block per label and tile of channels. All steps are linear, so the images can be added up
/// first: D is read once, and the sums over related classes are formed once for all images.
__global__ void label_grad_kernel(LabelBiasShape s, bool relative, Global<const float> D,
                                  Global<const float> labels, Global<float> grad_w,
                                  int64_t w_stride) {
    const int64_t taps = s.R * s.R, interior = taps / 2;
    const auto [j, k0, wanted] = tile_of_block<channels>(s.K);
    const auto by_class = dynamic_shared<float>();
    for (int64_t e = threadIdx.x; e < taps * channels; e += blockDim.x) {
        const int64_t c = e / channels, k = e % channels;
        const bool read = k < wanted && !(relative && c == interior);
        float sum = 0;
        for (int64_t n = 0; read && n < s.N; ++n)
            sum += labels[n * s.L + j] * D[(n * taps + c) * s.K + k0 + k];
        by_class[e] = sum;
    }
    __syncthreads();
    if (relative && threadIdx.x < channels) {
        float frame = 0;  // the interior's entry is still 0
        for (int64_t c = 0; c < taps; ++c) frame += by_class[c * channels + threadIdx.x];
        by_class[interior * channels + threadIdx.x] = -frame;
    }
    related_sums(s.R, by_class, by_class + taps * channels, [=](int64_t t, int64_t k, float sum) {
        if (k < wanted) grad_w[((k0 + k) * taps + t) * w_stride + j] = sum;
    });
}

// ---------------------------------------------------------------------------------------------
// Launchers

/// For the kernels with `related_sums`: one block for each of `items` and each tile of channels.
Launch table_launch(const char* kernel, const LabelBiasShape& s, int64_t items) {
    return {.kernel = kernel,
            .grid = unsigned(items * pieces_of(s.K, channels)),
            .block = elementwise_threads,
            .shared = size_t(2 * s.R * s.R * channels) * sizeof(float)};
}

/// run(constant) with as many channels per access as T, K and the alignment allow.
template <class T, class Run>
void with_width(const LabelBiasShape& s, bool aligned, const Run& run) {
    if (aligned && s.K % vec_width<T> == 0)
        run(std::integral_constant<int, vec_width<T>>{});
    else
        run(std::integral_constant<int, 1>{});
}

}  // namespace

template <DeviceContext Device, class A>
void label_bias_table(Device& device, const LabelBiasTableArgs<A>& args) {
    check_label_bias("label_bias_table", args.shape);
    launch(device, table_launch("label_bias_table_kernel", args.shape, args.shape.N),
           label_bias_table_kernel, args.shape, args.labels, args.w, args.w_stride, args.table);
}

template <DeviceContext Device, class T>
void label_bias_forward(Device& device, const LabelBiasForwardArgs<T>& args) {
    const LabelBiasShape& s = args.shape;
    check_label_bias("label_bias_forward", s);
    const int64_t pixels = s.N * (args.relative ? frame_pixels(s) : s.H * s.W);
    with_width<T>(s, aligned_to(16, args.y, args.table), [&](auto width) {
        constexpr int V = decltype(width)::value;
        launch(
            device,
            elementwise_launch(device.properties(), "label_bias_forward_kernel", pixels * s.K / V),
            args.relative ? label_bias_forward_kernel<V, true, T>
                          : label_bias_forward_kernel<V, false, T>,
            s, args.table, args.y);
    });
}

template <DeviceContext Device, class T>
void label_bias_backward(Device& device, const LabelBiasBackwardArgs<T>& args) {
    const LabelBiasShape& s = args.shape;
    check_label_bias("label_bias_backward", s);
    const int64_t height = s.H - s.R + 1, lines = 2 * (s.R - 1) + (args.relative ? 0 : height);
    float *rows = args.workspace, *D = rows + s.N * s.H * s.R * s.K;
    const auto line_launch = [&](const char* kernel, int64_t blocks, int V) {
        return Launch{kernel, unsigned(blocks * pieces_of(s.K, V * columns)), columns * phases};
    };
    with_width<T>(s, aligned_to(16, args.grad_y), [&](auto width) {
        constexpr int V = decltype(width)::value;
        if (lines > 0)  // none: a 1x1 kernel without an interior
            launch(device, line_launch("class_sums_kernel", s.N * lines, V),
                   class_sums_kernel<V, T>, s, lines, args.grad_y, D, rows);
    });
    if (!args.relative)
        launch(device, line_launch("interior_sums_kernel", s.N, 1), interior_sums_kernel, s, rows,
               D);
    launch(device, table_launch("label_grad_kernel", s, s.L), label_grad_kernel, s, args.relative,
           D, args.labels, args.grad_w, args.w_stride);
}

#define SG_INSTANTIATE(T)                                                          \
    template void label_bias_forward(ThisDevice&, const LabelBiasForwardArgs<T>&); \
    template void label_bias_backward(ThisDevice&, const LabelBiasBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
#undef SG_INSTANTIATE
template void label_bias_table(ThisDevice&, const LabelBiasTableArgs<float>&);

}  // namespace sg
