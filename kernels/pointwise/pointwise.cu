#include "kernels/pointwise/pointwise.h"

#include <cmath>
#include <type_traits>

#include "kernels/common/elementwise.cuh"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels. x, z and y may be the same memory: an element is read before it is written, by the
// thread that writes it.

template <Unary op>
__device__ float apply(float x, float a, float b) {
    if constexpr (op == Unary::affine) return a * x + b;
    if constexpr (op == Unary::leaky_relu) return x > 0 ? x : a * x;
    if constexpr (op == Unary::tanh) return tanhf(x);
    if constexpr (op == Unary::sigmoid) {
        const float e = expf(-fabsf(x));  // never overflows
        return (x >= 0 ? 1.0f : e) / (1.0f + e);
    }
    if constexpr (op == Unary::softplus) return (x > 0 ? x : 0.0f) + log1pf(expf(-fabsf(x)));
    if constexpr (op == Unary::sign) return float(x > 0) - float(x < 0);
    if constexpr (op == Unary::reciprocal) return x == 0 ? 0.0f : 1.0f / x;
    if constexpr (op == Unary::sqrt) return sqrtf(x);
}

template <Binary op>
__device__ float apply(float x, float z, float a, float b) {
    if constexpr (op == Binary::add) return a * x + b * z;
    if constexpr (op == Binary::multiply) return a * x * z;
    if constexpr (op == Binary::leaky_relu_backward) return z > 0 ? x : a * x;
    if constexpr (op == Binary::tanh_backward) return x * (1.0f - z * z);
}

/// N values per thread and step, then what is left over, one value per thread.
template <int N, Unary op, class T>
__global__ void unary_kernel(int64_t count, Global<const T> x, Global<T> y, float a, float b) {
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N) {
        Vec<T, N> values = load<N>(x + i);
#pragma unroll
        for (int k = 0; k < N; ++k) values[k] = T(apply<op>(float(values[k]), a, b));
        store(y + i, values);
    }
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) y[rest] = T(apply<op>(float(x[rest]), a, b));
}

template <int N, Binary op, class T>
__global__ void binary_kernel(int64_t count, Global<const T> x, Global<const T> z, Global<T> y,
                              float a, float b) {
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N) {
        Vec<T, N> values = load<N>(x + i);
        const Vec<T, N> other = load<N>(z + i);
#pragma unroll
        for (int k = 0; k < N; ++k)
            values[k] = T(apply<op>(float(values[k]), float(other[k]), a, b));
        store(y + i, values);
    }
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) y[rest] = T(apply<op>(float(x[rest]), float(z[rest]), a, b));
}

template <int N, class T>
__global__ void fill_kernel(int64_t count, T value, Global<T> y) {
    Vec<T, N> values;
#pragma unroll
    for (int k = 0; k < N; ++k) values[k] = value;
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N)
        store(y + i, values);
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) y[rest] = value;
}

/// N is the number of values in 16 bytes of the wider type.
template <int N, class From, class To>
__global__ void cast_kernel(int64_t count, Global<const From> x, Global<To> y) {
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N) {
        const Vec<From, N> from = load<N>(x + i);
        Vec<To, N> to;
#pragma unroll
        for (int k = 0; k < N; ++k) to[k] = To(float(from[k]));
        store(y + i, to);
    }
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) y[rest] = To(float(x[rest]));
}

template <class T>
__global__ void scale_rows_kernel(int64_t count, int64_t columns, Global<const T> x,
                                  Global<const float> s, Global<T> y) {
    for (int64_t i = grid_thread(); i < count; i += grid_threads())
        y[i] = T(float(x[i]) * s[i / columns]);
}

template <bool by_row, class T>
__global__ void broadcast_kernel(int64_t count, int64_t columns, Global<const float> s,
                                 Global<T> y) {
    for (int64_t i = grid_thread(); i < count; i += grid_threads())
        y[i] = T(s[by_row ? i / columns : i % columns]);
}

constexpr int tile = 32, tile_rows = 8;

/// A block turns tiles of 32 x 32 through shared memory, so that both sides are read and written
/// along their rows. The tile's rows are 33 long: its columns then lie in different banks.
template <class T>
__global__ void transpose_kernel(int64_t outer, int64_t rows, int64_t columns, Global<const T> x,
                                 Global<T> y) {
    __shared__ SharedArray<T, tile*(tile + 1)> turned;
    const int tx = int(threadIdx.x), ty = int(threadIdx.y);
    const int64_t across = (columns + tile - 1) / tile, down = (rows + tile - 1) / tile;
    for (int64_t t = blockIdx.x; t < outer * down * across; t += gridDim.x) {
        const int64_t block = t / (down * across) * rows * columns;
        const int64_t r0 = t / across % down * tile, c0 = t % across * tile;
        for (int r = ty; r < tile; r += tile_rows)
            if (r0 + r < rows && c0 + tx < columns)
                turned[r * (tile + 1) + tx] = x[block + (r0 + r) * columns + c0 + tx];
        __syncthreads();
        for (int c = ty; c < tile; c += tile_rows)
            if (c0 + c < columns && r0 + tx < rows)
                y[block + (c0 + c) * rows + r0 + tx] = T(turned[tx * (tile + 1) + c]);
        __syncthreads();  // before the tile is filled again
    }
}

// ---------------------------------------------------------------------------------------------
// Launchers

template <auto value>
using constant = std::integral_constant<decltype(value), value>;

/// body(constant) for the operation that is only known at run time.
template <class Body>
void dispatch(Unary op, const Body& body) {
    switch (op) {
        case Unary::affine:
            return body(constant<Unary::affine>{});
        case Unary::leaky_relu:
            return body(constant<Unary::leaky_relu>{});
        case Unary::tanh:
            return body(constant<Unary::tanh>{});
        case Unary::sigmoid:
            return body(constant<Unary::sigmoid>{});
        case Unary::softplus:
            return body(constant<Unary::softplus>{});
        case Unary::sign:
            return body(constant<Unary::sign>{});
        case Unary::reciprocal:
            return body(constant<Unary::reciprocal>{});
        case Unary::sqrt:
            return body(constant<Unary::sqrt>{});
    }
}

template <class Body>
void dispatch(Binary op, const Body& body) {
    switch (op) {
        case Binary::add:
            return body(constant<Binary::add>{});
        case Binary::multiply:
            return body(constant<Binary::multiply>{});
        case Binary::leaky_relu_backward:
            return body(constant<Binary::leaky_relu_backward>{});
        case Binary::tanh_backward:
            return body(constant<Binary::tanh_backward>{});
    }
}

}  // namespace

template <DeviceContext Device, class T>
void unary(Device& device, const UnaryArgs<T>& args) {
    dispatch(args.op, [&](auto op) {
        const auto run = [&](auto width) {
            constexpr int N = decltype(width)::value;
            launch(device,
                   elementwise_launch(device.properties(), "unary_kernel", args.count / N + 1),
                   unary_kernel<N, decltype(op)::value, T>, args.count, args.x, args.y,
                   float(args.a), float(args.b));
        };
        if (aligned_to(16, args.x, args.y))
            run(constant<vec_width<T>>{});
        else
            run(constant<1>{});
    });
}

template <DeviceContext Device, class T>
void binary(Device& device, const BinaryArgs<T>& args) {
    dispatch(args.op, [&](auto op) {
        const auto run = [&](auto width) {
            constexpr int N = decltype(width)::value;
            launch(device,
                   elementwise_launch(device.properties(), "binary_kernel", args.count / N + 1),
                   binary_kernel<N, decltype(op)::value, T>, args.count, args.x, args.z, args.y,
                   float(args.a), float(args.b));
        };
        if (aligned_to(16, args.x, args.z, args.y))
            run(constant<vec_width<T>>{});
        else
            run(constant<1>{});
    });
}

template <DeviceContext Device, class T>
void fill(Device& device, const FillArgs<T>& args) {
    const auto run = [&](auto width) {
        constexpr int N = decltype(width)::value;
        launch(device, elementwise_launch(device.properties(), "fill_kernel", args.count / N + 1),
               fill_kernel<N, T>, args.count, T(float(args.value)), args.y);
    };
    if (aligned_to(16, args.y))
        run(constant<vec_width<T>>{});
    else
        run(constant<1>{});
}

template <DeviceContext Device, class From, class To>
void cast(Device& device, const CastArgs<From, To>& args) {
    const auto run = [&](auto width) {
        constexpr int N = decltype(width)::value;
        launch(device, elementwise_launch(device.properties(), "cast_kernel", args.count / N + 1),
               cast_kernel<N, From, To>, args.count, args.x, args.y);
    };
    constexpr int N = std::min(vec_width<From>, vec_width<To>);
    if (aligned_to(16, args.x, args.y))
        run(constant<N>{});
    else
        run(constant<1>{});
}

template <DeviceContext Device, class T>
void scale_rows(Device& device, const ScaleRowsArgs<T>& args) {
    const int64_t count = args.rows * args.columns;
    launch(device, elementwise_launch(device.properties(), "scale_rows_kernel", count),
           scale_rows_kernel<T>, count, args.columns, args.x, args.s, args.y);
}

template <DeviceContext Device, class T>
void broadcast_rows(Device& device, const BroadcastArgs<T>& args) {
    const int64_t count = args.rows * args.columns;
    launch(device, elementwise_launch(device.properties(), "broadcast_kernel", count),
           broadcast_kernel<true, T>, count, args.columns, args.s, args.y);
}

template <DeviceContext Device, class T>
void broadcast_channels(Device& device, const BroadcastArgs<T>& args) {
    const int64_t count = args.rows * args.columns;
    launch(device, elementwise_launch(device.properties(), "broadcast_kernel", count),
           broadcast_kernel<false, T>, count, args.columns, args.s, args.y);
}

template <DeviceContext Device, class T>
void transpose(Device& device, const TransposeArgs<T>& args) {
    const int64_t tiles =
        args.outer * ((args.rows + tile - 1) / tile) * ((args.columns + tile - 1) / tile);
    const auto blocks = unsigned(std::clamp<int64_t>(tiles, 1, 8 * device.properties().processors));
    launch(device, {.kernel = "transpose_kernel", .grid = blocks, .block = {tile, tile_rows}},
           transpose_kernel<T>, args.outer, args.rows, args.columns, args.x, args.y);
}

#define SG_INSTANTIATE(T)                                                   \
    template void unary(ThisDevice&, const UnaryArgs<T>&);                  \
    template void binary(ThisDevice&, const BinaryArgs<T>&);                \
    template void fill(ThisDevice&, const FillArgs<T>&);                    \
    template void scale_rows(ThisDevice&, const ScaleRowsArgs<T>&);         \
    template void broadcast_rows(ThisDevice&, const BroadcastArgs<T>&);     \
    template void broadcast_channels(ThisDevice&, const BroadcastArgs<T>&); \
    template void transpose(ThisDevice&, const TransposeArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
#undef SG_INSTANTIATE

template void cast(ThisDevice&, const CastArgs<float, bf16>&);
template void cast(ThisDevice&, const CastArgs<bf16, float>&);

}  // namespace sg
